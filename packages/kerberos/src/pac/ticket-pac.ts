import { pooledBytes } from "@waybill/base";
import { AdType } from "../registry/ad-type.ts";
import type { Pac } from "./pac.ts";
import { PacError } from "./pac-error.ts";
import { type SignPacOptions, signPac } from "./pac-signature.ts";

/**
 * The PAC inside an encoded EncTicketPart, [MS-PAC] 2.1: an AD-WIN2K-PAC element within an AD-IF-RELEVANT element
 * of the authorization data. The ticket signature covers the ticket with one zero byte in the PAC's place, so this
 * works on the encoding itself: whatever else the ticket holds stays as its issuer wrote it.
 */

/** One DER element: where its tag, its content and its end are. */
interface Element {
  readonly tag: number;
  readonly start: number;
  readonly content: number;
  readonly end: number;
}

const sequenceTag = 0x30;
const contextTag = (number: number): number => 0xa0 | number;
const octetStringTag = 0x04;
const encTicketPartTag = 0x63;
const zeroByte = new Uint8Array(1);

function elementAt(bytes: Uint8Array, start: number, limit: number): Element {
  const tag = bytes[start];
  const first = bytes[start + 1];
  if (tag === undefined || first === undefined || start + 2 > limit || (tag & 0x1f) === 0x1f) throw notDer();
  let content = start + 2;
  let length = first;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw notDer();
    length = 0;
    for (let index = 0; index < count; index++) length = length * 256 + (bytes[content + index] ?? 0);
    content += count;
  }
  if (content + length > limit) throw notDer();
  return { tag, start, content, end: content + length };
}

function notDer(): PacError {
  return new PacError("PAC_NOT_IN_TICKET", "the decrypted ticket part is not DER");
}

function child(bytes: Uint8Array, parent: Element, tag: number): Element | undefined {
  for (let at = parent.content; at < parent.end; ) {
    const element = elementAt(bytes, at, parent.end);
    if (element.tag === tag) return element;
    at = element.end;
  }
  return undefined;
}

function integerOf(bytes: Uint8Array, entry: Element): number | undefined {
  const wrapper = child(bytes, entry, contextTag(0));
  const integer = wrapper === undefined ? undefined : child(bytes, wrapper, 0x02);
  if (integer === undefined || integer.end - integer.content > 4) return undefined;
  let value = 0;
  for (let at = integer.content; at < integer.end; at++) value = value * 256 + (bytes[at] ?? 0);
  return value;
}

/** The path to the octets of the first element of one type in an AuthorizationData SEQUENCE OF. */
function adPath(bytes: Uint8Array, list: Element, type: number): Element[] | undefined {
  for (let at = list.content; at < list.end; ) {
    const entry = elementAt(bytes, at, list.end);
    at = entry.end;
    if (entry.tag !== sequenceTag || integerOf(bytes, entry) !== type) continue;
    const data = child(bytes, entry, contextTag(1));
    const octets = data === undefined ? undefined : child(bytes, data, octetStringTag);
    if (data !== undefined && octets !== undefined) return [entry, data, octets];
  }
  return undefined;
}

/** Every element from the outermost down to the PAC's OCTET STRING. */
function pacPath(bytes: Uint8Array): Element[] | undefined {
  const outer = elementAt(bytes, 0, bytes.length);
  if (outer.tag !== encTicketPartTag || outer.end !== bytes.length) throw notDer();
  const body = child(bytes, outer, sequenceTag);
  const field = body === undefined ? undefined : child(bytes, body, contextTag(10));
  const list = field === undefined ? undefined : child(bytes, field, sequenceTag);
  if (body === undefined || field === undefined || list === undefined) return undefined;
  for (let at = list.content; at < list.end; ) {
    const rest: Element = { tag: list.tag, start: list.start, content: at, end: list.end };
    const relevant = adPath(bytes, rest, AdType.ifRelevant);
    if (relevant === undefined) return undefined;
    const [entry, , octets] = relevant;
    if (entry === undefined || octets === undefined) return undefined;
    at = entry.end;
    if (octets.content === octets.end) continue;
    const inner = elementAt(bytes, octets.content, octets.end);
    const pac = inner.tag === sequenceTag ? adPath(bytes, inner, AdType.win2kPac) : undefined;
    if (pac !== undefined) return [outer, body, field, list, ...relevant, inner, ...pac];
  }
  return undefined;
}

/** The PAC's bytes in an encoded EncTicketPart (a view); undefined when there is none. @throws PacError PAC_NOT_IN_TICKET when it is no DER */
export function extractTicketPac(encTicketPart: Uint8Array): Uint8Array | undefined {
  const last = pacPath(encTicketPart)?.at(-1);
  return last === undefined ? undefined : encTicketPart.subarray(last.content, last.end);
}

/**
 * The encoded EncTicketPart with other bytes in the PAC's place; without `pac`, with the one zero byte that ticket
 * signatures are made over.
 *
 * @throws PacError PAC_NOT_IN_TICKET
 */
export function replaceTicketPac(encTicketPart: Uint8Array, pac: Uint8Array = zeroByte): Uint8Array {
  const path = pacPath(encTicketPart);
  if (path === undefined) throw new PacError("PAC_NOT_IN_TICKET", "the ticket holds no PAC");
  const lengths: number[] = [];
  let inner = pac.length;
  let previous: Element | undefined;
  for (const element of path.toReversed()) {
    if (previous !== undefined) {
      inner += headerLength(inner) + (previous.start - element.content) + (element.end - previous.end);
    }
    lengths.unshift(inner);
    previous = element;
  }
  const result = pooledBytes(inner + headerLength(inner));
  let at = 0;
  path.forEach((element, depth) => {
    at = writeHeader(result, at, element.tag, lengths[depth] ?? 0);
    const next = path[depth + 1];
    if (next === undefined) return;
    at = copy(encTicketPart, element.content, next.start, result, at);
  });
  result.set(pac, at);
  at += pac.length;
  for (let depth = path.length - 2; depth >= 0; depth--) {
    const from = path[depth + 1]?.end ?? 0;
    const to = path[depth]?.end ?? 0;
    at = copy(encTicketPart, from, to, result, at);
  }
  return result;
}

/** The pieces are a few octets each: a loop is faster than a view. */
function copy(source: Uint8Array, from: number, to: number, target: Uint8Array, at: number): number {
  for (let index = from; index < to; index++) target[at + index - from] = source[index] ?? 0;
  return at + to - from;
}

function headerLength(length: number): number {
  if (length < 0x80) return 2;
  return length < 0x100 ? 3 : length < 0x10000 ? 4 : length < 0x1000000 ? 5 : 6;
}

function writeHeader(target: Uint8Array, at: number, tag: number, length: number): number {
  const size = headerLength(length);
  target[at] = tag;
  if (size === 2) target[at + 1] = length;
  else {
    target[at + 1] = 0x80 | (size - 2);
    for (let index = 0; index < size - 2; index++) {
      target[at + size - 1 - index] = Math.floor(length / 256 ** index) & 0xff;
    }
  }
  return at + size;
}

function wrap(tag: number, ...parts: Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(length + headerLength(length));
  let at = writeHeader(bytes, 0, tag, length);
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * The authorization data element that carries a PAC: AD-IF-RELEVANT around AD-WIN2K-PAC. Without `pac` it holds
 * the placeholder a KDC encodes the ticket part with before {@link signTicketPac}; make it the first element.
 */
export function pacAuthorizationData(pac?: Uint8Array): { adType: number; adData: Uint8Array } {
  if (pac === undefined) return placeholder;
  const type = wrap(contextTag(0), new Uint8Array([0x02, 0x02, 0x00, AdType.win2kPac]));
  const data = wrap(contextTag(1), wrap(octetStringTag, pac));
  return { adType: AdType.ifRelevant, adData: wrap(sequenceTag, wrap(sequenceTag, type, data)) };
}

/** The same for every ticket. */
const placeholder = pacAuthorizationData(zeroByte);

/**
 * Finishes a ticket: signs the PAC, over `encTicketPart` too when `service` is set, and puts it in the
 * placeholder's place. One encoding of the ticket serves both.
 *
 * @throws PacError PAC_NOT_IN_TICKET when the placeholder is missing
 */
export function signTicketPac(
  encTicketPart: Uint8Array,
  pac: Pac,
  options: Omit<SignPacOptions, "encTicketPart"> & {
    /** Whether the ticket is for a service other than krbtgt: adds ticket and full signature. */
    readonly service: boolean;
  },
): Uint8Array {
  const { serverKey, kdcKey, service } = options;
  const signed = signPac(pac, { serverKey, kdcKey, encTicketPart: service ? encTicketPart : undefined });
  return replaceTicketPac(encTicketPart, signed);
}
