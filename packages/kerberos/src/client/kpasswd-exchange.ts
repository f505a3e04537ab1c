import { randomUint31, utf8 } from "@waybill/base";
import { decrypt, encrypt, randomKey } from "../crypto/index.ts";
import { KerberosError } from "../errors.ts";
import { ApRep, EncApRepPart } from "../messages/ap.ts";
import type { EncryptionKey } from "../messages/basic.ts";
import {
  ChangePasswdData,
  decodeKpasswdFrame,
  decodeKpasswdReply,
  encodeKpasswdFrame,
  type KpasswdReply,
  KpasswdResult,
  KpasswdVersion,
} from "../messages/kpasswd.ts";
import { EncKrbPrivPart, KrbPriv } from "../messages/safe-priv.ts";
import { type Principal, toPrincipalName } from "../principal.ts";
import { KeyUsage } from "../registry/key-usage.ts";
import { MsgType } from "../registry/msg-type.ts";
import { NameType } from "../registry/name-type.ts";
import { type KdcApReq, kdcApReq } from "./authenticator.ts";
import type { ExchangeContext } from "./context.ts";
import type { Credential } from "./credential.ts";
import type { Exchange } from "./exchange.ts";
import { describeKpasswdText } from "./kpasswd-text.ts";
import { readKrbError, toKerberosError } from "./krb-error.ts";
import { modified } from "./reply-checks.ts";
import { shown } from "./shown.ts";

/** Whose password to change, by which credential: RFC 3244. */
export interface PasswordChange {
  /** An initial ticket (from an AS exchange) to `kadmin/changepw`. */
  readonly credential: Credential;
  readonly newPassword: string;
  /** Set this principal's password, which takes rights over it, instead of changing one's own. */
  readonly target?: Principal | undefined;
}

/** `kadmin/changepw` of a realm: the service whose ticket changes a password. */
export function passwordService(realm: string): Principal {
  return { realm, nameType: NameType.srvInst, components: ["kadmin", "changepw"] };
}

/** Any address will do: who sent the message is proven by the key, and clients do not know their address behind NAT. */
const someAddress = { addrType: 2, address: new Uint8Array([127, 0, 0, 1]) };

/** The exchange of RFC 3244. @throws KerberosError PASSWORD_CHANGE_REFUSED with the server's reason */
export function* kpasswdExchange(context: ExchangeContext, change: PasswordChange): Exchange<void> {
  const { credential, newPassword, target } = change;
  const realm = credential.server.realm;
  const subkey = randomKey(credential.key.keytype, context.random);
  const seqNumber = randomUint31(context.random);
  const apReq = kdcApReq(context, credential, { subkey, seqNumber });
  const who = target ?? credential.client;
  const newpasswd = utf8(newPassword);
  const userData =
    target === undefined
      ? newpasswd
      : ChangePasswdData.encode({ newpasswd, targname: toPrincipalName(target), targrealm: target.realm });
  const stamp = context.stamp(realm);
  const part = EncKrbPrivPart.encode({
    userData,
    timestamp: stamp.seconds,
    usec: stamp.microseconds,
    seqNumber,
    sAddress: someAddress,
  });
  const version = target === undefined ? KpasswdVersion.change : KpasswdVersion.set;
  const priv = KrbPriv.encode({
    pvno: 5,
    msgType: MsgType.krbPriv,
    encPart: { etype: subkey.keytype, cipher: encrypt(subkey, KeyUsage.krbPrivEncPart, part) },
  });
  const message = encodeKpasswdFrame({ version, ap: apReq.bytes, message: priv });
  const reply = yield { realm, service: "kpasswd", message };
  const { result, text } = readReply(reply, credential, subkey, apReq, who);
  if (result === KpasswdResult.success) return;
  throw refused(result, describeKpasswdText(text), who);
}

function readReply(
  bytes: Uint8Array,
  credential: Credential,
  subkey: EncryptionKey,
  apReq: KdcApReq,
  who: Principal,
): KpasswdReply {
  const what = `changing the password of ${shown(who)}`;
  const bare = readKrbError(bytes);
  if (bare !== undefined) throw toKerberosError(bare, { what });
  const frame = decodeKpasswdFrame(bytes);
  if (frame.ap.length === 0) {
    const error = readKrbError(frame.message);
    if (error === undefined) throw modified("neither an answer nor an error");
    if (error.eData !== undefined && error.eData.length >= 2) {
      const { result, text } = decodeKpasswdReply(error.eData);
      throw refused(result, describeKpasswdText(text), who);
    }
    throw toKerberosError(error, { what });
  }
  const rep = EncApRepPart.decode(
    decrypt(credential.key, KeyUsage.apRepEncPart, ApRep.decode(frame.ap).encPart.cipher),
  );
  if (rep.ctime !== apReq.stamp.seconds || rep.cusec !== apReq.stamp.microseconds) {
    throw modified("it answers another authenticator");
  }
  const { encPart } = KrbPriv.decode(frame.message);
  const key = rep.subkey ?? subkey;
  return decodeKpasswdReply(
    EncKrbPrivPart.decode(decrypt(key, KeyUsage.krbPrivEncPart, encPart.cipher)).userData,
  );
}

const meanings: ReadonlyMap<number, string> = new Map([
  [KpasswdResult.malformed, "the server could not read the request"],
  [KpasswdResult.hardError, "the server failed"],
  [KpasswdResult.authError, "the server did not accept the ticket"],
  [KpasswdResult.softError, "the new password does not satisfy the policy"],
  [KpasswdResult.accessDenied, "there is no right to change this password"],
  [KpasswdResult.badVersion, "the server does not know this kind of request"],
  [KpasswdResult.initialFlagNeeded, "the ticket must come from a fresh login"],
]);

function refused(result: number, text: string, who: Principal): KerberosError {
  const meaning = meanings.get(result) ?? `result ${result}`;
  return new KerberosError(
    `the password of ${shown(who)} was not changed: ${meaning}${text === "" ? "" : ` (${text})`}`,
    {
      code: "PASSWORD_CHANGE_REFUSED",
      facts: { principal: shown(who), result, text },
      remedy:
        result === KpasswdResult.softError
          ? "Choose a longer or more varied password, or wait until the minimum age has passed."
          : "Check the rights and the state of the account.",
    },
  );
}
