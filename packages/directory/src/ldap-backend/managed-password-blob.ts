/** What a host needs of a group managed service account's password. Durations in milliseconds. */
export interface ManagedPasswordFacts {
  readonly current: Uint8Array;
  readonly previous: Uint8Array | undefined;
  /** Until the account may have another password. */
  readonly changesIn: number;
}

const ticksPerMillisecond = 10_000n;
/** A host asks again a little before it has to. */
const margin = 5 * 60_000;
const headerLength = 16;

/** MSDS-MANAGEDPASSWORD_BLOB, MS-ADTS section 2.2.19: passwords are UTF-16 and end with a zero character. */
export function encodeManagedPasswordBlob({
  current,
  previous,
  changesIn,
}: ManagedPasswordFacts): Uint8Array {
  const currentAt = headerLength;
  const previousAt = currentAt + current.length + 2;
  // Windows leaves out the padding that the specification shows here; readers take the password to end where this begins.
  const queryAt = previous === undefined ? previousAt : previousAt + previous.length + 2;
  const blob = new Uint8Array(queryAt + 16);
  const view = new DataView(blob.buffer);
  view.setUint16(0, 1, true);
  view.setUint32(4, blob.length, true);
  view.setUint16(8, currentAt, true);
  view.setUint16(10, previous === undefined ? 0 : previousAt, true);
  view.setUint16(12, queryAt, true);
  view.setUint16(14, queryAt + 8, true);
  blob.set(current, currentAt);
  if (previous !== undefined) blob.set(previous, previousAt);
  const ticks = (milliseconds: number): bigint =>
    BigInt(Math.max(0, Math.floor(milliseconds))) * ticksPerMillisecond;
  view.setBigUint64(queryAt, ticks(changesIn), true);
  view.setBigUint64(queryAt + 8, ticks(changesIn - margin), true);
  return blob;
}
