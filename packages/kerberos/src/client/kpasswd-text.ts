import { fromUtf8 } from "@waybill/base";

const policyRecordSize = 30;
const complexityRequired = 0x1;
const ticksPerDay = 864_000_000_000n;

/**
 * The text of a kpasswd result. Active Directory sends, instead of a text, its password policy as a record
 * (all numbers big-endian): zero(2) minLength(4) history(4) properties(4) maxAge(8) minAge(8), ages in 100 ns.
 */
export function describeKpasswdText(bytes: Uint8Array): string {
  if (bytes.length !== policyRecordSize || bytes[0] !== 0 || bytes[1] !== 0) {
    return fromUtf8(bytes)
      .replace(/\p{Cc}+/gu, " ")
      .trim()
      .slice(0, 500);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rules = [`at least ${view.getUint32(2)} characters`];
  const history = view.getUint32(6);
  if (history > 0) rules.push(`none of the last ${history} passwords`);
  if ((view.getUint32(10) & complexityRequired) !== 0)
    rules.push("three kinds of characters, no part of the name");
  const days = view.getBigUint64(22) / ticksPerDay;
  if (days > 0n) rules.push(`not within ${days} days of the last change`);
  return `the domain wants ${rules.join("; ")}`;
}
