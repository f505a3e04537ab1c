import { utf8 } from "@waybill/base";
import { KerberosError } from "../errors.ts";
import { enctypeInfo } from "./enctypes.ts";
import type { EncryptionKey } from "./types.ts";

/** About a third of a second of work. A KDC's answer is not yet authentic when it names its number. */
export const maxIterations = 1_048_576;

/** What Active Directory uses. Fewer would let who forges a KDC's answer make passwords cheap to guess. */
export const minIterations = 4096;

/** Parameters of string-to-key beside password and salt. */
export interface StringToKeyOptions {
  /** The `s2kparams` of ETYPE-INFO2: four octets, the iteration count, big-endian (RFC 3962 section 4). */
  readonly params?: Uint8Array | undefined;
  /** Highest iteration count to carry out. Default: `maxIterations`. */
  readonly maxIterations?: number | undefined;
  /** Lowest iteration count to accept. Default: `minIterations`. */
  readonly minIterations?: number | undefined;
}

/**
 * The key of a password: RFC 3962 section 4, RFC 8009 section 4, RFC 4757 section 2. Slow on purpose (1 to 15 ms with
 * default iterations): keep the result.
 *
 * @param salt as the KDC names it, or made by `userSalt` and its neighbours; text is taken as UTF-8
 * @throws KerberosError KDC_ERR_ETYPE_NOSUPP, BAD_STRING_TO_KEY_PARAMS
 */
export function stringToKey(
  etype: number,
  password: string,
  salt: string | Uint8Array,
  options: StringToKeyOptions = {},
): EncryptionKey {
  const row = enctypeInfo(etype);
  const iterations = iterationCount(row.defaultIterations, options);
  const octets = typeof salt === "string" ? utf8(salt) : salt;
  return { keytype: etype, keyvalue: row.stringToKey({ password, salt: octets, iterations }) };
}

/** The `s2kparams` that ask for this many PBKDF2 iterations. */
export function encodeIterations(iterations: number): Uint8Array {
  return Uint8Array.of(iterations >>> 24, iterations >>> 16, iterations >>> 8, iterations);
}

function iterationCount(byDefault: number, options: StringToKeyOptions): number {
  const { params } = options;
  if (params === undefined || params.length === 0) return byDefault;
  if (byDefault === 0) throw badParams("this encryption type has none", params.length);
  if (params.length !== 4) throw badParams("they are not four octets", params.length);
  const iterations = new DataView(params.buffer, params.byteOffset, 4).getUint32(0);
  const most = options.maxIterations ?? maxIterations;
  const least = options.minIterations ?? minIterations;
  // Zero stands for 2³² iterations.
  if (iterations === 0 || iterations > most) throw badParams(`more than ${most} iterations`, iterations);
  if (iterations < least) throw badParams(`fewer than ${least} iterations`, iterations);
  return iterations;
}

function badParams(why: string, value: number): KerberosError {
  return new KerberosError(`the KDC's string-to-key parameters cannot be used: ${why}`, {
    code: "BAD_STRING_TO_KEY_PARAMS",
    facts: { value },
    remedy: "Check that the answer came from the real KDC, and how many iterations it is set to use.",
  });
}
