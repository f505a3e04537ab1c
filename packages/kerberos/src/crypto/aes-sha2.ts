import { pbkdf2Sync } from "node:crypto";
import { concatBytes, equalSecrets, pooledBytes, utf8 } from "@waybill/base";
import { AesCts } from "./aes-cts.ts";
import { confounded } from "./confounder.ts";
import { deriveHmacSha2 } from "./derive.ts";
import { HmacKey } from "./hmac.ts";
import type { KeySchedule, StringToKeyInput } from "./types.ts";
import { type KeyPurpose, usageConstant } from "./usage-constant.ts";

const blockSize = 16;
const initialVector = new Uint8Array(blockSize);
const prfLabel = utf8("prf");
const kerberosLabel = utf8("kerberos");

/** What the two types of RFC 8009 differ in; sizes are octets. */
export interface AesSha2Parameters {
  readonly name: string;
  readonly hash: "sha256" | "sha384";
  /** Octets of the base key and of the encryption key. */
  readonly keySize: number;
  /** Octets of integrity and checksum keys, and of the truncated HMAC. */
  readonly macSize: number;
  readonly prfSize: number;
}

interface UsageKeys {
  readonly cipher: AesCts;
  readonly integrity: HmacKey;
}

/** aes128-cts-hmac-sha256-128 and aes256-cts-hmac-sha384-192: RFC 8009. The tag covers the ciphertext. */
export class AesSha2Schedule implements KeySchedule {
  readonly #parameters: AesSha2Parameters;
  readonly #key: Uint8Array;
  readonly #usages = new Map<number, UsageKeys>();
  readonly #checksumKeys = new Map<number, HmacKey>();

  constructor(parameters: AesSha2Parameters, keyvalue: Uint8Array) {
    this.#parameters = parameters;
    this.#key = keyvalue;
  }

  encrypt(usage: number, plaintext: Uint8Array, confounder?: Uint8Array): Uint8Array {
    const keys = this.#keysFor(usage);
    const length = blockSize + plaintext.length;
    const out = pooledBytes(length + this.#parameters.macSize);
    keys.cipher.encrypt(confounded(plaintext, confounder), length, out, 0);
    out.set(keys.integrity.mac(initialVector, out.subarray(0, length)), length);
    return out;
  }

  decrypt(usage: number, ciphertext: Uint8Array): Uint8Array | undefined {
    const { macSize } = this.#parameters;
    const length = ciphertext.length - macSize;
    if (length < blockSize) return undefined;
    const keys = this.#keysFor(usage);
    const enciphered = ciphertext.subarray(0, length);
    if (!equalSecrets(keys.integrity.mac(initialVector, enciphered), ciphertext.subarray(length)))
      return undefined;
    const plain = keys.cipher.decrypt(enciphered);
    return new Uint8Array(plain.buffer, plain.byteOffset + blockSize, length - blockSize);
  }

  checksum(usage: number, data: Uint8Array): Uint8Array {
    let key = this.#checksumKeys.get(usage);
    if (key === undefined) {
      key = this.#hmacKey(usage, "checksum");
      this.#checksumKeys.set(usage, key);
    }
    return key.mac(data);
  }

  prf(input: Uint8Array): Uint8Array {
    const { hash, prfSize } = this.#parameters;
    return deriveHmacSha2(hash, this.#key, prfLabel, prfSize, input);
  }

  #hmacKey(usage: number, purpose: KeyPurpose): HmacKey {
    const { hash, macSize } = this.#parameters;
    return new HmacKey(hash, this.#derive(usage, purpose, macSize), macSize);
  }

  #derive(usage: number, purpose: KeyPurpose, size: number): Uint8Array {
    return deriveHmacSha2(this.#parameters.hash, this.#key, usageConstant.plain(usage, purpose), size);
  }

  #keysFor(usage: number): UsageKeys {
    let keys = this.#usages.get(usage);
    if (keys === undefined) {
      const { keySize } = this.#parameters;
      keys = {
        cipher: new AesCts(this.#derive(usage, "encryption", keySize)),
        integrity: this.#hmacKey(usage, "integrity"),
      };
      this.#usages.set(usage, keys);
    }
    return keys;
  }
}

/** PBKDF2 with the type's name before the salt, then KDF-HMAC-SHA2 with "kerberos": RFC 8009 section 4. */
export function aesSha2StringToKey(parameters: AesSha2Parameters): (input: StringToKeyInput) => Uint8Array {
  const { name, hash, keySize } = parameters;
  const prefix = concatBytes(utf8(name), Uint8Array.of(0));
  return ({ password, salt, iterations }) => {
    const saltWithName = concatBytes(prefix, salt);
    const stretched = pbkdf2Sync(password.normalize("NFC"), saltWithName, iterations, keySize, hash);
    return deriveHmacSha2(hash, stretched, kerberosLabel, keySize);
  };
}
