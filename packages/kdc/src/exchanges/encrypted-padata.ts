import {
  Checksum,
  checksum,
  type EncryptionKey,
  KeyUsage,
  type MethodData,
  type PaData,
  PaType,
} from "@waybill/kerberos";
import { emptyPadata, padataOf } from "./padata.ts";

export interface EncryptedPadataParts {
  readonly padata: readonly PaData[];
  /** The AS-REQ as it came, if the client wants proof of it: PA-REQ-ENC-PA-REP. */
  readonly coveredRequest?: Uint8Array | undefined;
  readonly canonicalize: boolean;
  /** The service's msDS-SupportedEncryptionTypes. */
  readonly supported: number;
}

/** What the client gets to know under the reply's encryption: RFC 6806 section 11, MS-KILE section 3.3.5.6. */
export function encryptedPadata(
  parts: EncryptedPadataParts,
  replyKey: EncryptionKey,
): MethodData | undefined {
  const list: PaData[] = [];
  if (parts.canonicalize) {
    const bits = parts.supported;
    const padataValue = Uint8Array.of(bits, bits >>> 8, bits >>> 16, bits >>> 24);
    list.push({ padataType: PaType.supportedEncTypes, padataValue });
  }
  const pacOptions = padataOf(parts.padata, PaType.pacOptions);
  if (pacOptions !== undefined) list.push({ padataType: PaType.pacOptions, padataValue: pacOptions });
  if (parts.coveredRequest !== undefined) {
    const proof = checksum(replyKey, KeyUsage.asReq, parts.coveredRequest);
    list.push({ padataType: PaType.reqEncPaRep, padataValue: Checksum.encode(proof) });
    list.push(emptyPadata(PaType.fxFast));
  }
  return list.length === 0 ? undefined : list;
}
