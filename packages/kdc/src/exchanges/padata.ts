import { emptyBytes } from "@waybill/base";
import type { PaData } from "@waybill/kerberos";

/** The value of the first element of one type. */
export function padataOf(list: readonly PaData[] | undefined, type: number): Uint8Array | undefined {
  return list?.find((element) => element.padataType === type)?.padataValue;
}

/** An element that only says that something is known or wanted. */
export function emptyPadata(type: number): PaData {
  return { padataType: type, padataValue: emptyBytes };
}
