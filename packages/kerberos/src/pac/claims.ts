import { NdrReader } from "./ndr-reader.ts";
import { NdrWriter } from "./ndr-writer.ts";
import { malformed, PacError } from "./pac-error.ts";
import { decompressXpressHuffman } from "./xpress-huffman.ts";

/** Where claims come from: CLAIMS_SOURCE_TYPE, [MS-ADTS] 2.2.18.2. */
export const ClaimsSource = { activeDirectory: 1, certificate: 2 } as const;

/** CLAIM_ENTRY, [MS-ADTS] 2.2.18.5: what the directory says of a person or a device, such as a department. */
export type Claim =
  | { readonly id: string; readonly type: "int64" | "uint64"; readonly values: readonly bigint[] }
  | { readonly id: string; readonly type: "string"; readonly values: readonly string[] }
  | { readonly id: string; readonly type: "boolean"; readonly values: readonly boolean[] };

/** CLAIMS_ARRAY, [MS-ADTS] 2.2.18.6: the claims of one source. */
export interface ClaimsArray {
  /** One of {@link ClaimsSource}. */
  readonly source: number;
  readonly claims: readonly Claim[];
}

const claimTypes = { int64: 1, uint64: 2, string: 3, boolean: 6 } as const;
type ClaimType = keyof typeof claimTypes;
const typeNames: ReadonlyMap<number, ClaimType> = new Map(
  (Object.keys(claimTypes) as ClaimType[]).map((name) => [claimTypes[name], name]),
);

const Compression = { none: 0, xpressHuffman: 4 } as const;
const maxSize = 1 << 20;
const metadata = "CLAIMS_SET_METADATA";
const set = "CLAIMS_SET";

/**
 * Reads buffers 13 and 15: a CLAIMS_SET ([MS-ADTS] 2.2.18.7) inside a CLAIMS_SET_METADATA (2.2.18.8), as it is or
 * compressed the way Windows does from 384 octets on. An empty buffer holds no claims.
 *
 * @throws PacError PAC_MALFORMED
 */
export function decodeClaims(bytes: Uint8Array): readonly ClaimsArray[] {
  if (bytes.length === 0) return [];
  const r = new NdrReader(bytes, metadata);
  r.header();
  const size = r.uint32("ulClaimsSetSize");
  const hasSet = r.pointer("ClaimsSet");
  const format = r.uint16("usCompressionFormat");
  const wholeSize = r.uint32("ulUncompressedClaimsSetSize");
  r.uint16("usReservedType");
  r.uint32("ulReservedFieldSize");
  r.pointer("ReservedField");
  if (!hasSet) return [];
  r.arrayOf(size, 1, "ClaimsSet");
  const packed = r.bytes(size, "ClaimsSet");
  if (format === Compression.none) return decodeSet(packed);
  if (format !== Compression.xpressHuffman) {
    throw malformed(`${metadata}.usCompressionFormat`, `compression ${format} is not read here`);
  }
  if (wholeSize > maxSize) throw malformed(`${metadata}.ulUncompressedClaimsSetSize`, `${wholeSize} octets`);
  return decodeSet(decompressXpressHuffman(packed, wholeSize, `${metadata}.ClaimsSet`));
}

function decodeSet(bytes: Uint8Array): readonly ClaimsArray[] {
  const r = new NdrReader(bytes, set);
  r.header();
  const count = r.uint32("ulClaimsArrayCount");
  const hasArrays = r.pointer("ClaimsArrays");
  r.uint16("usReservedType");
  r.uint32("ulReservedFieldSize");
  r.pointer("ReservedField");
  if (!hasArrays) return [];
  r.arrayOf(count, 12, "ClaimsArrays");
  const heads = Array.from({ length: count }, () => ({
    source: r.uint16("usClaimsSourceType"),
    count: r.uint32("ulClaimsCount"),
    present: r.pointer("ClaimEntries"),
  }));
  return heads.map(({ source, count: claims, present }) => ({
    source,
    claims: present ? decodeEntries(r, claims) : [],
  }));
}

function decodeEntries(r: NdrReader, count: number): readonly Claim[] {
  r.arrayOf(count, 16, "ClaimEntries");
  const heads = Array.from({ length: count }, () => {
    const named = r.pointer("Id");
    const type = typeNames.get(r.uint16("Type"));
    // The union repeats which of its members follows.
    if (type === undefined || typeNames.get(r.uint16("Values")) !== type)
      throw malformed(`${set}.Type`, "a claim of an unknown type");
    return { named, type, count: r.uint32("ValueCount"), present: r.pointer("Values") };
  });
  return heads.map(({ named, type, count: values, present }) => {
    const id = named ? r.text("Id") : "";
    return decodeValues(r, id, type, present ? values : 0, present);
  });
}

function decodeValues(r: NdrReader, id: string, type: ClaimType, count: number, present: boolean): Claim {
  if (present) r.arrayOf(count, type === "string" ? 4 : 8, "Values");
  if (type === "string") {
    const pointers = Array.from({ length: count }, () => r.pointer("StringValues"));
    return { id, type, values: pointers.map((there) => (there ? r.text("StringValues") : "")) };
  }
  const numbers = Array.from({ length: count }, () => r.uint64("Values"));
  if (type === "boolean") return { id, type, values: numbers.map((number) => number !== 0n) };
  return { id, type, values: type === "int64" ? numbers.map((n) => BigInt.asIntN(64, n)) : numbers };
}

/** Writes buffers 13 and 15, uncompressed. @throws PacError PAC_INVALID_VALUE */
export function encodeClaims(arrays: readonly ClaimsArray[]): Uint8Array {
  const inner = encodeSet(arrays);
  if (inner.length > maxSize) throw new PacError("PAC_INVALID_VALUE", `${inner.length} octets of claims`);
  const w = new NdrWriter();
  w.header();
  w.uint32(inner.length);
  w.pointer(true);
  w.uint16(Compression.none);
  w.uint32(inner.length);
  w.uint16(0);
  w.uint32(0);
  w.pointer(false);
  w.uint32(inner.length);
  w.bytes(inner);
  return w.finish();
}

function encodeSet(arrays: readonly ClaimsArray[]): Uint8Array {
  const w = new NdrWriter();
  w.header();
  w.uint32(arrays.length);
  w.pointer(true);
  w.uint16(0);
  w.uint32(0);
  w.pointer(false);
  w.uint32(arrays.length);
  for (const { source, claims } of arrays) {
    w.uint16(source);
    w.uint32(claims.length);
    w.pointer(true);
  }
  for (const { claims } of arrays) {
    w.uint32(claims.length);
    for (const { type, values } of claims) {
      w.pointer(true);
      w.uint16(claimTypes[type]);
      w.uint16(claimTypes[type]);
      w.uint32(values.length);
      w.pointer(true);
    }
    for (const claim of claims) {
      w.text(claim.id);
      w.uint32(claim.values.length);
      encodeValues(w, claim);
    }
  }
  return w.finish();
}

function encodeValues(w: NdrWriter, claim: Claim): void {
  if (claim.type === "string") {
    for (const _ of claim.values) w.pointer(true);
    for (const value of claim.values) w.text(value);
  } else for (const value of claim.values) w.uint64(BigInt(value));
}
