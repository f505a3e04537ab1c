import { concatBytes, equalSecrets, fillRandom, pooledBytes } from "@waybill/base";
import { digest, HmacKey } from "./hmac.ts";
import { md4 } from "./md4.ts";
import { rc4 } from "./rc4.ts";
import type { KeySchedule, StringToKeyInput } from "./types.ts";

const macSize = 16;
const confounderSize = 8;
const signatureKey = Buffer.from("signaturekey\0", "latin1");

/** rc4-hmac: RFC 4757. Broken by today's measure; kept for domains that still have accounts without AES keys. */
export class Rc4HmacSchedule implements KeySchedule {
  readonly #key: Uint8Array;
  readonly #usages = new Map<number, Uint8Array>();

  constructor(keyvalue: Uint8Array) {
    this.#key = keyvalue;
  }

  encrypt(usage: number, plaintext: Uint8Array, confounder?: Uint8Array): Uint8Array {
    const usageKey = this.#usageKey(usage);
    const plain = new Uint8Array(confounderSize + plaintext.length);
    if (confounder === undefined) fillRandom(plain.subarray(0, confounderSize));
    else plain.set(confounder);
    plain.set(plaintext, confounderSize);
    const mac = hmacMd5(usageKey, plain);
    return concatBytes(mac, rc4(hmacMd5(usageKey, mac), plain));
  }

  decrypt(usage: number, ciphertext: Uint8Array): Uint8Array | undefined {
    if (ciphertext.length < macSize + confounderSize) return undefined;
    const usageKey = this.#usageKey(usage);
    const mac = ciphertext.subarray(0, macSize);
    const plain = rc4(hmacMd5(usageKey, mac), ciphertext.subarray(macSize));
    return equalSecrets(hmacMd5(usageKey, plain), mac) ? plain.subarray(confounderSize) : undefined;
  }

  checksum(usage: number, data: Uint8Array): Uint8Array {
    return hmacMd5Checksum(this.#key, usage, data);
  }

  /** RFC 4757 defines none; MIT's and Microsoft's choice is HMAC-SHA1. */
  prf(input: Uint8Array): Uint8Array {
    return new HmacKey("sha1", this.#key, 20).mac(input);
  }

  #usageKey(usage: number): Uint8Array {
    let key = this.#usages.get(usage);
    if (key === undefined) {
      key = hmacMd5(this.#key, microsoftUsage(usage));
      this.#usages.set(usage, key);
    }
    return key;
  }
}

/** KERB_CHECKSUM_HMAC_MD5: RFC 4757 section 4. The key may be of any encryption type (MS-SFU section 2.2.1). */
export function hmacMd5Checksum(key: Uint8Array, usage: number, data: Uint8Array): Uint8Array {
  const covered = pooledBytes(4 + data.length);
  covered.set(microsoftUsage(usage));
  covered.set(data, 4);
  return hmacMd5(hmacMd5(key, signatureKey), digest("md5", covered));
}

/** The NT hash: MD4 over the password's UTF-16LE code units. No salt, no iterations. */
export function rc4StringToKey({ password }: StringToKeyInput): Uint8Array {
  return md4(Buffer.from(password, "utf16le"));
}

/** HMAC-MD5 (RFC 2104), 16 octets: what rc4-hmac derives its keys with. */
export function hmacMd5(key: Uint8Array, data: Uint8Array): Uint8Array {
  return new HmacKey("md5", key, macSize).mac(data);
}

/** Little-endian, and two usages have other numbers: RFC 4757 section 3 as Windows carries it out. */
function microsoftUsage(usage: number): Uint8Array {
  const number = usage === 3 ? 8 : usage === 23 ? 13 : usage;
  return Uint8Array.of(number, number >>> 8, number >>> 16, number >>> 24);
}
