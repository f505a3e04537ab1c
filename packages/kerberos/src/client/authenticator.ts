import { checksum, encrypt } from "../crypto/index.ts";
import { ApReq, Authenticator } from "../messages/ap.ts";
import type { EncryptionKey } from "../messages/basic.ts";
import { toPrincipalName } from "../principal.ts";
import { KeyUsage } from "../registry/key-usage.ts";
import { MsgType } from "../registry/msg-type.ts";
import type { ExchangeContext, Stamp } from "./context.ts";
import { type Credential, grantingRealm } from "./credential.ts";

/** An AP-REQ for a KDC and the moment in its authenticator. */
export interface KdcApReq {
  readonly bytes: Uint8Array;
  readonly stamp: Stamp;
}

/**
 * An AP-REQ to the ticket-granting service, or to kpasswd: RFC 4120 section 5.5.1.
 *
 * @param options.tgsBody what the authenticator's checksum covers when this goes into a TGS-REQ
 */
export function kdcApReq(
  context: ExchangeContext,
  credential: Credential,
  options: {
    readonly subkey?: EncryptionKey | undefined;
    readonly tgsBody?: Uint8Array | undefined;
    readonly seqNumber?: number | undefined;
  },
): KdcApReq {
  const { client, key, ticket } = credential;
  const { tgsBody, subkey, seqNumber } = options;
  const stamp = context.stamp(grantingRealm(credential));
  const authenticator = Authenticator.encode({
    authenticatorVno: 5,
    crealm: client.realm,
    cname: toPrincipalName(client),
    cksum: tgsBody && checksum(key, KeyUsage.tgsReqAuthenticatorChecksum, tgsBody),
    cusec: stamp.microseconds,
    ctime: stamp.seconds,
    subkey,
    seqNumber,
  });
  const usage = tgsBody === undefined ? KeyUsage.apReqAuthenticator : KeyUsage.tgsReqAuthenticator;
  const bytes = ApReq.encode({
    pvno: 5,
    msgType: MsgType.apReq,
    apOptions: 0,
    ticket,
    authenticator: { etype: key.keytype, cipher: encrypt(key, usage, authenticator) },
  });
  return { bytes, stamp };
}
