import { fromUtf8, utf8 } from "@waybill/base";

/** DOMAIN-X500-COMPRESS: RFC 4120 section 3.3.3.2. */
export const transitedType = 1;

export interface TransitedEncoding {
  readonly trType: number;
  readonly contents: Uint8Array;
}

/** The realms a ticket says it went through, in order; `undefined` when the list leaves any of them to be guessed. */
export function decodeTransited(transited: TransitedEncoding): readonly string[] | undefined {
  const text = fromUtf8(transited.contents);
  if (text === "") return [];
  if (transited.trType !== transitedType || text.length > maxLength) return undefined;
  const realms: string[] = [];
  for (const part of splitList(text)) {
    // X.500 names, and the empty name for "all in between".
    if (part === "" || part.startsWith("/") || part.startsWith(" ")) return undefined;
    const previous = realms.at(-1);
    if (!part.endsWith(".")) realms.push(part);
    else if (previous === undefined) return undefined;
    else realms.push(part + previous);
  }
  return realms;
}

/** The same with one realm more. */
export function withTransited(transited: TransitedEncoding, realm: string): TransitedEncoding {
  const before = fromUtf8(transited.contents);
  const name = realm.replaceAll(/[\\,]/g, "\\$&");
  return { trType: transitedType, contents: utf8(before === "" ? name : `${before},${name}`) };
}

const maxLength = 4096;

function splitList(text: string): string[] {
  const parts = [""];
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? "";
    if (character === ",") parts.push("");
    else parts[parts.length - 1] += character === "\\" ? (text[++at] ?? "") : character;
  }
  return parts;
}
