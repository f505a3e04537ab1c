import { createHash, pbkdf2Sync } from "node:crypto";
import { equalSecrets, pooledBytes } from "@waybill/base";
import { AesCts } from "./aes-cts.ts";
import { confounded } from "./confounder.ts";
import { deriveRandom } from "./derive.ts";
import { HmacKey } from "./hmac.ts";
import { nfold } from "./nfold.ts";
import type { KeySchedule, StringToKeyInput } from "./types.ts";
import { usageConstant } from "./usage-constant.ts";

const blockSize = 16;
const macSize = 12;
const foldedPrf = nfold(Buffer.from("prf"), blockSize);
const foldedKerberos = nfold(Buffer.from("kerberos"), blockSize);

interface UsageKeys {
  readonly cipher: AesCts;
  readonly integrity: HmacKey;
}

/** aes128/256-cts-hmac-sha1-96: the simplified profile of RFC 3961 section 5.3 with the parameters of RFC 3962. */
export class AesSha1Schedule implements KeySchedule {
  readonly #size: number;
  readonly #base: AesCts;
  readonly #usages = new Map<number, UsageKeys>();
  readonly #checksumKeys = new Map<number, HmacKey>();
  #prfCipher: AesCts | undefined;

  constructor(keyvalue: Uint8Array) {
    this.#size = keyvalue.length;
    this.#base = new AesCts(keyvalue);
  }

  encrypt(usage: number, plaintext: Uint8Array, confounder?: Uint8Array): Uint8Array {
    const keys = this.#keysFor(usage);
    const length = blockSize + plaintext.length;
    const padded = confounded(plaintext, confounder);
    // The tag covers the plaintext, which enciphering overwrites.
    const mac = keys.integrity.mac(padded.subarray(0, length));
    const out = pooledBytes(length + macSize);
    keys.cipher.encrypt(padded, length, out, 0);
    out.set(mac, length);
    return out;
  }

  decrypt(usage: number, ciphertext: Uint8Array): Uint8Array | undefined {
    const length = ciphertext.length - macSize;
    if (length < blockSize) return undefined;
    const keys = this.#keysFor(usage);
    const plain = keys.cipher.decrypt(ciphertext.subarray(0, length));
    const mac = keys.integrity.mac(plain);
    if (!equalSecrets(mac, ciphertext.subarray(length))) return undefined;
    return new Uint8Array(plain.buffer, plain.byteOffset + blockSize, length - blockSize);
  }

  checksum(usage: number, data: Uint8Array): Uint8Array {
    let key = this.#checksumKeys.get(usage);
    if (key === undefined) {
      key = this.#hmacKey(usageConstant.folded(usage, "checksum"));
      this.#checksumKeys.set(usage, key);
    }
    return key.mac(data);
  }

  prf(input: Uint8Array): Uint8Array {
    this.#prfCipher ??= new AesCts(deriveKey(this.#base, foldedPrf, this.#size));
    const hashed = new Uint8Array(createHash("sha1").update(input).digest().subarray(0, blockSize));
    return new Uint8Array(this.#prfCipher.encryptBlocks(hashed));
  }

  #hmacKey(constant: Uint8Array): HmacKey {
    return new HmacKey("sha1", deriveKey(this.#base, constant, this.#size), macSize);
  }

  #keysFor(usage: number): UsageKeys {
    let keys = this.#usages.get(usage);
    if (keys === undefined) {
      keys = {
        cipher: new AesCts(deriveKey(this.#base, usageConstant.folded(usage, "encryption"), this.#size)),
        integrity: this.#hmacKey(usageConstant.folded(usage, "integrity")),
      };
      this.#usages.set(usage, keys);
    }
    return keys;
  }
}

/** PBKDF2-HMAC-SHA1, then DK with "kerberos": RFC 3962 section 4. */
export function aesSha1StringToKey(keySize: number): (input: StringToKeyInput) => Uint8Array {
  return ({ password, salt, iterations }) => {
    const stretched = pbkdf2Sync(password.normalize("NFC"), salt, iterations, keySize, "sha1");
    return deriveKey(new AesCts(stretched), foldedKerberos, keySize);
  };
}

function deriveKey(base: AesCts, foldedConstant: Uint8Array, size: number): Uint8Array {
  return deriveRandom((blocks) => base.encryptBlocks(blocks), blockSize, foldedConstant, size);
}
