import { Asn1Error } from "@waybill/asn1";
import { type Explanation, KerberosError } from "../errors.ts";
import { MethodData, type PaData } from "../messages/basic.ts";
import {
  KerbErrorData,
  type KrbError,
  KrbError as KrbErrorSchema,
  kerbErrTypeExtended,
} from "../messages/error.ts";
import { errorCodeName } from "../registry/error-code.ts";
import { ntStatusName } from "../registry/nt-status.ts";
import { PaType } from "../registry/pa-type.ts";

const krbErrorTag = 0x7e;

/** The KRB-ERROR these bytes are, or `undefined` when they are some other message. @throws Asn1Error */
export function readKrbError(reply: Uint8Array): KrbError | undefined {
  return reply[0] === krbErrorTag ? KrbErrorSchema.decode(reply) : undefined;
}

/** The padata of an error's e-data, or none when it holds something else. */
export function methodData(error: KrbError): readonly PaData[] {
  if (error.eData === undefined) return [];
  try {
    return MethodData.decode(error.eData);
  } catch (cause) {
    if (cause instanceof Asn1Error) return [];
    throw cause;
  }
}

/** NTSTATUS of a KERB-ERROR-DATA (MS-KILE section 2.2.2), alone in the e-data or, as Samba's AS does, in PA-PW-SALT. */
export function ntStatusOf(error: KrbError): number | undefined {
  if (error.eData === undefined) return undefined;
  try {
    const { dataType, dataValue } = KerbErrorData.decode(error.eData);
    return dataType === kerbErrTypeExtended ? littleEndianStatus(dataValue) : undefined;
  } catch (cause) {
    if (!(cause instanceof Asn1Error)) throw cause;
  }
  const salt = methodData(error).find((pa) => pa.padataType === PaType.pwSalt);
  // Twelve octets (status, 0, 1): a password salt never ends that way.
  return salt?.padataValue.length === 12 && salt.padataValue[8] === 1
    ? littleEndianStatus(salt.padataValue)
    : undefined;
}

function littleEndianStatus(bytes: Uint8Array | undefined): number | undefined {
  if (bytes === undefined || bytes.length < 4) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true);
}

/** What was going on, for the message of the error that comes of it. */
export interface Undertaking {
  /** `asking EXAMPLE.TEST for a ticket to host/a` */
  readonly what: string;
  readonly explain?: (error: KrbError, ntStatus: number | undefined) => Explanation | undefined;
}

/** The typed error for a KRB-ERROR. */
export function toKerberosError(error: KrbError, undertaking: Undertaking): KerberosError {
  const code = errorCodeName(error.errorCode);
  const ntStatus = ntStatusOf(error);
  const explanation = undertaking.explain?.(error, ntStatus);
  const status = ntStatus === undefined ? "" : ` (${ntStatusName(ntStatus)})`;
  const text = error.eText === undefined || error.eText === "" ? "" : `: ${printable(error.eText)}`;
  return new KerberosError(`${undertaking.what}: the KDC answered ${code}${status}${text}`, {
    code,
    krbError: error,
    ntStatus,
    explanation,
    remedy: explanation?.causes[0]?.remedy,
  });
}

/** A peer's text with control characters taken out: it ends up on terminals. */
function printable(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, " ")
    .trim()
    .slice(0, 300);
}
