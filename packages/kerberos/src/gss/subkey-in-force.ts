import type { EncryptionKey } from "../messages/basic.ts";
import { EncType } from "../registry/enc-type.ts";

/**
 * The acceptor's subkey, where it counts. RFC 4121 section 2 prefers it to the initiator's; the older rules behind RFC
 * 4757 know the initiator's only, except in DCE style (MS-KILE section 3.4.5.1).
 */
export function subkeyInForce(
  subkey: EncryptionKey | undefined,
  dceStyle: boolean,
): EncryptionKey | undefined {
  return subkey?.keytype === EncType.rc4Hmac && !dceStyle ? undefined : subkey;
}
