import type { Trust } from "../model/domain.ts";
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
    type: firstInteger(object, "trusttype") ?? 2,
    attributes: firstInteger(object, "trustattributes") ?? 0,
  };
}
