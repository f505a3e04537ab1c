import { supportedEncTypes } from "./enctypes.ts";

/** Names of types this package does not speak, so that a keytab or a message that has them can be shown. */
const otherNames: ReadonlyMap<string, number> = new Map([
  ["des-cbc-crc", 1],
  ["des-cbc-md4", 2],
  ["des-cbc-md5", 3],
  ["des3-cbc-sha1", 16],
  ["arcfour-hmac-exp", 24],
  ["camellia128-cts-cmac", 25],
  ["camellia256-cts-cmac", 26],
]);

const numbers = new Map<string, number>(otherNames);
const names = new Map<number, string>([...otherNames].map(([name, etype]) => [etype, name]));
for (const { etype, name, aliases } of supportedEncTypes) {
  names.set(etype, name);
  for (const spelling of [name, ...aliases]) numbers.set(spelling, etype);
}

/** The name MIT's tools print, or `etype 99` for a number without one. */
export function formatEncType(etype: number): string {
  return names.get(etype) ?? `etype ${etype}`;
}

/** The number of an encryption type by any of its names, whatever their case, or by its decimal number. */
export function parseEncType(text: string): number | undefined {
  const name = text.trim().toLowerCase();
  if (/^\d{1,5}$/.test(name)) return Number(name);
  return numbers.get(name);
}

/** What a list of encryption types in krb5.conf says. */
export interface EncTypeList {
  /** Supported types in the order they were written, each once. */
  readonly etypes: readonly number[];
  /** Words that name no type this package speaks. They do no harm: krb5.conf is shared with other programs. */
  readonly ignored: readonly string[];
}

/**
 * Reads an encryption type list of krb5.conf: names, families (`aes`, `rc4`), `DEFAULT`, each optionally after
 * `+` (add) or `-` (remove), separated by spaces or commas.
 */
export function parseEncTypeList(text: string, defaults: readonly number[]): EncTypeList {
  let etypes: number[] = [];
  const ignored: string[] = [];
  for (const word of text.split(/[\s,]+/).filter((part) => part !== "")) {
    const removes = word.startsWith("-");
    const found = namedBy(word.replace(/^[+-]/, "").toLowerCase(), defaults);
    if (found.length === 0) ignored.push(word);
    else if (removes) etypes = etypes.filter((etype) => !found.includes(etype));
    else etypes.push(...found.filter((etype) => !etypes.includes(etype)));
  }
  return { etypes, ignored };
}

function namedBy(name: string, defaults: readonly number[]): readonly number[] {
  if (name === "default") return defaults;
  const family = supportedEncTypes.filter((row) => row.family === name).map((row) => row.etype);
  if (family.length > 0) return family;
  const etype = parseEncType(name);
  return supportedEncTypes.some((row) => row.etype === etype) && etype !== undefined ? [etype] : [];
}
