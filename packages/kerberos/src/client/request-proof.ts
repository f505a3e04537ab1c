import { verifyChecksum } from "../crypto/index.ts";
import { Checksum, type EncryptionKey } from "../messages/basic.ts";
import type { EncKdcRepPart } from "../messages/kdc-rep.ts";
import { TicketFlags } from "../registry/flags.ts";
import { KeyUsage } from "../registry/key-usage.ts";
import { PaType } from "../registry/pa-type.ts";
import { modified } from "./reply-checks.ts";

/** RFC 6806 section 11: a KDC that can do so repeats a checksum of the request inside the encrypted part. */
export function checkRequestUnchanged(enc: EncKdcRepPart, key: EncryptionKey, message: Uint8Array): void {
  if ((enc.flags & TicketFlags.encPaRep) === 0) return;
  const proof = enc.encryptedPaData?.find((pa) => pa.padataType === PaType.reqEncPaRep);
  if (proof === undefined) throw modified("it lacks the checksum of the request it promises");
  if (!verifyChecksum(key, KeyUsage.asReq, message, Checksum.decode(proof.padataValue))) {
    throw modified("the KDC received another request than was sent");
  }
}
