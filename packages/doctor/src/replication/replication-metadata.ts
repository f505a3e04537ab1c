import type { EpochMs } from "@waybill/base";
import { formatGuid } from "@waybill/directory";

/** What a controller notes about an attribute whenever it is written anywhere: MS-ADTS section 3.1.1.1.9. */
export interface AttributeStamp {
  /** Grows with every change; of two controllers the one with the higher version has the later value. */
  readonly version: number;
  readonly changed: EpochMs;
  /** Invocation id of the controller the change was made on. */
  readonly origin: string;
}

/** Attributes by the number they have in the binary form: prefix 9 is 1.2.840.113556.1.4, the rest its last arc. */
const numbers: ReadonlyMap<number, string> = new Map([
  [0x90008, "useraccountcontrol"],
  [0x90060, "pwdlastset"],
  [0x9009f, "accountexpires"],
  [0x90303, "serviceprincipalname"],
  [0x906fb, "msds-allowedtodelegateto"],
  [0x907ab, "msds-supportedencryptiontypes"],
  [0x90886, "msds-allowedtoactonbehalfofotheridentity"],
]);

const entryLength = 48;
const headerLength = 16;
const secondsFrom1601 = 11_644_473_600n;

/**
 * Reads a replPropertyMetaData value, as far as it is about attributes that decide here: MS-DRSR section 4.1.10.2.22 in
 * the form in which AD and Samba store it. What is no such value reads as empty.
 */
export function readReplicationMetadata(value: Uint8Array | undefined): ReadonlyMap<string, AttributeStamp> {
  const stamps = new Map<string, AttributeStamp>();
  if (value === undefined || value.length < headerLength) return stamps;
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (view.getUint32(0, true) !== 1) return stamps;
  const count = Math.min(view.getUint32(8, true), Math.floor((value.length - headerLength) / entryLength));
  for (let index = 0; index < count; index++) {
    const at = headerLength + index * entryLength;
    const name = numbers.get(view.getUint32(at, true));
    if (name === undefined) continue;
    stamps.set(name, {
      version: view.getUint32(at + 4, true),
      changed: Number(view.getBigUint64(at + 8, true) - secondsFrom1601) * 1000,
      origin: formatGuid(value.subarray(at + 16, at + 32)),
    });
  }
  return stamps;
}
