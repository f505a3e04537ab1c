import { type Trust, TrustType } from "../model/trust.ts";
import { decodeSid } from "../security/sid.ts";
import { firstBytes, firstInteger, firstText, type StoredObject } from "../store/stored-object.ts";

/** The trust an object of class trustedDomain describes. */
export function trustFromObject(object: StoredObject, dn: string): Trust | undefined {
  const partner = firstText(object, "trustpartner");
  if (partner === undefined) return undefined;
  const sid = firstBytes(object, "securityidentifier");
  return {
    dn,
    partner,
    netbiosName: firstText(object, "flatname"),
    sid: sid === undefined ? undefined : decodeSid(sid),
    direction: firstInteger(object, "trustdirection") ?? 0,
    type: firstInteger(object, "trusttype") ?? TrustType.uplevel,
    attributes: firstInteger(object, "trustattributes") ?? 0,
    keySets: object.keySets ?? [],
  };
}
