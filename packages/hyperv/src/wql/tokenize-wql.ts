import { HyperVError } from "../errors.ts";

export type WqlToken =
  | { readonly kind: "word"; readonly text: string }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "object"; readonly path: string }
  | { readonly kind: "symbol"; readonly text: string };

const patterns = [
  ["word", /[A-Za-z_][\w.]*/y],
  ["number", /[+-]?(?:0x[0-9a-f]+|\d+(?:\.\d+)?)/iy],
  ["text", /'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/sy],
  ["object", /\{([^{}]*)\}/y],
  ["symbol", /<>|!=|<=|>=|[=<>(),*]/y],
] as const;

/** Queries longer than this are no queries. */
const maxLength = 16_384;

export function invalidQuery(why: string): HyperVError {
  return new HyperVError(`the WQL query cannot be understood: ${why}`, {
    code: "WQL_INVALID",
    family: "caller",
    hresult: 0x80041017,
  });
}

/** @throws HyperVError `WQL_INVALID`. */
export function tokenizeWql(query: string): readonly WqlToken[] {
  if (query.length > maxLength) throw invalidQuery(`it is longer than ${maxLength} characters`);
  const tokens: WqlToken[] = [];
  let offset = 0;
  while (true) {
    while (/\s/.test(query[offset] ?? "")) offset += 1;
    if (offset >= query.length) return tokens;
    const token = nextToken(query, offset);
    tokens.push(token.token);
    offset = token.end;
  }
}

function nextToken(query: string, offset: number): { token: WqlToken; end: number } {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = offset;
    const match = pattern.exec(query);
    if (match === null) continue;
    const end = offset + match[0].length;
    if (kind === "number") return { token: { kind, value: Number(match[0]) }, end };
    if (kind === "text") {
      return { token: { kind, value: (match[1] ?? match[2] ?? "").replace(/\\(.)/gs, "$1") }, end };
    }
    if (kind === "object") return { token: { kind, path: match[1] ?? "" }, end };
    return { token: { kind, text: match[0] }, end };
  }
  throw invalidQuery(`unexpected "${query.slice(offset, offset + 20)}"`);
}
