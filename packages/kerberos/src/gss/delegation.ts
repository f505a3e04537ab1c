import type { EpochMs } from "@waybill/base";
import type { Credential } from "../client/credential.ts";
import { decrypt, encrypt } from "../crypto/encrypt.ts";
import { KerberosError } from "../errors.ts";
import type { EncryptionKey } from "../messages/basic.ts";
import { EncKrbCredPart, KrbCred } from "../messages/cred.ts";
import { toPrincipal, toPrincipalName } from "../principal.ts";
import { EncType } from "../registry/enc-type.ts";
import { KeyUsage } from "../registry/key-usage.ts";
import { MsgType } from "../registry/msg-type.ts";
import { decoding, defective } from "./gss-error.ts";

/** A KRB-CRED (RFC 4120 section 5.8) that hands `credential` over, sealed with the session key of the AP exchange. */
export function encodeDelegation(
  credential: Credential,
  sessionKey: EncryptionKey,
  now: EpochMs,
): Uint8Array {
  const whole = (time: EpochMs): EpochMs => Math.floor(time / 1000) * 1000;
  const part = EncKrbCredPart.encode({
    ticketInfo: [
      {
        key: { keytype: credential.key.keytype, keyvalue: credential.key.keyvalue },
        prealm: credential.client.realm,
        pname: toPrincipalName(credential.client),
        flags: credential.flags,
        authtime: whole(credential.authTime),
        starttime: credential.startTime === undefined ? undefined : whole(credential.startTime),
        endtime: whole(credential.endTime),
        renewTill: credential.renewTill === undefined ? undefined : whole(credential.renewTill),
        srealm: credential.server.realm,
        sname: toPrincipalName(credential.server),
      },
    ],
    timestamp: whole(now),
    usec: Math.floor(now % 1000) * 1000,
  });
  return KrbCred.encode({
    pvno: 5,
    msgType: MsgType.krbCred,
    tickets: [credential.ticket],
    encPart: { etype: sessionKey.keytype, cipher: encrypt(sessionKey, KeyUsage.krbCredEncPart, part) },
  });
}

/** The credentials in a KRB-CRED. @throws GssError GSS_DEFECTIVE_TOKEN, KerberosError KRB_AP_ERR_BAD_INTEGRITY */
export function decodeDelegation(bytes: Uint8Array, keys: readonly EncryptionKey[]): Credential[] {
  const cred = decoding("KRB-CRED", () => KrbCred.decode(bytes));
  const part = decoding("EncKrbCredPart", () => EncKrbCredPart.decode(openPart(cred, keys)));
  return part.ticketInfo.map((info, index) => {
    const ticket = cred.tickets[index];
    const { prealm, pname, srealm, sname } = info;
    if (ticket === undefined || prealm === undefined || pname === undefined) {
      throw defective("a delegated ticket without its owner's name");
    }
    return {
      client: toPrincipal(prealm, pname),
      server: toPrincipal(srealm ?? ticket.realm, sname ?? ticket.sname),
      ticket,
      key: info.key,
      flags: info.flags ?? 0,
      authTime: info.authtime ?? info.starttime ?? 0,
      startTime: info.starttime,
      endTime: info.endtime ?? 0,
      renewTill: info.renewTill,
      addresses: info.caddr,
    };
  });
}

function openPart(cred: KrbCred, keys: readonly EncryptionKey[]): Uint8Array {
  const { etype, cipher } = cred.encPart;
  // Type 0 means: not sealed by itself. The authenticator around it is.
  if (etype === EncType.null) return cipher;
  let failure: unknown = defective(`no key of encryption type ${etype} for the delegated ticket`);
  for (const key of keys) {
    if (key.keytype !== etype) continue;
    try {
      return decrypt(key, KeyUsage.krbCredEncPart, cipher);
    } catch (error) {
      if (!(error instanceof KerberosError)) throw error;
      failure = error;
    }
  }
  throw failure;
}
