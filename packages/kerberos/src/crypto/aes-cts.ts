import { type Cipher, createCipheriv, createDecipheriv, type Decipher } from "node:crypto";
import { pooledBytes } from "@waybill/base";

const blockSize = 16;
const zeroBlock = new Uint8Array(blockSize);
/** Memory of its own, unlike that of a small array, and so not copied out when it goes to the cipher. */
const restored = new Uint8Array(new ArrayBuffer(blockSize));

/**
 * AES in CBC mode with ciphertext stealing (CBC-CS3) and a zero initial vector: RFC 3962 section 5.
 *
 * Making a cipher object costs more than enciphering a ticket with it, so each direction keeps one CBC object
 * for good. Such an object goes on chaining from the last block it saw; adding that block to the first one
 * of the next message cancels it out, which is the same as starting from a zero vector.
 */
export class AesCts {
  readonly #key: Uint8Array;
  #encryptor: Cipher | undefined;
  #decryptor: Decipher | undefined;
  readonly #encryptorChain: Uint8Array = new Uint8Array(blockSize);
  readonly #decryptorChain: Uint8Array = new Uint8Array(blockSize);

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** CBC over whole blocks. Changes `blocks`. The result is a buffer of its own. */
  encryptBlocks(blocks: Uint8Array): Uint8Array {
    if (this.#encryptor === undefined) {
      this.#encryptor = createCipheriv(this.#algorithm(), this.#key, zeroBlock);
      this.#encryptor.setAutoPadding(false);
    }
    xorBlock(blocks, 0, this.#encryptorChain, 0);
    const out = this.#encryptor.update(blocks);
    this.#encryptorChain.set(out.subarray(out.length - blockSize));
    return out;
  }

  /**
   * Writes the encipherment of `padded`, whose first `length` octets count and which is zero-filled to whole
   * blocks, to `target` at `offset`. Changes `padded`.
   */
  encrypt(padded: Uint8Array, length: number, target: Uint8Array, offset: number): void {
    const out = this.encryptBlocks(padded);
    const last = out.length - blockSize;
    if (last === 0) {
      target.set(out, offset);
      return;
    }
    const beforeLast = last - blockSize;
    if (beforeLast > 0) target.set(out.subarray(0, beforeLast), offset);
    for (let at = 0; at < blockSize; at++) target[offset + beforeLast + at] = out[last + at] ?? 0;
    for (let at = last; at < length; at++) target[offset + at] = out[beforeLast + at - last] ?? 0;
  }

  /** Deciphers at least one block. The result is a buffer of its own. */
  decrypt(ciphertext: Uint8Array): Uint8Array {
    const { length } = ciphertext;
    if (length === blockSize) return this.#decryptBlocks(ciphertext);
    const last = (Math.ceil(length / blockSize) - 1) * blockSize;
    const beforeLast = last - blockSize;
    const stolen = length - last;
    // The last full block of the text stands before the last one. Deciphered, it yields the octets that
    // the shortened block lost: those were enciphered together with zeros.
    const plain = pooledBytes(length);
    const head = this.#decryptBlocks(ciphertext.subarray(0, last));
    plain.set(head.subarray(0, beforeLast));
    const tail = head.subarray(beforeLast);
    if (beforeLast > 0) xorBlock(tail, 0, ciphertext, beforeLast - blockSize);
    restored.set(tail);
    restored.set(ciphertext.subarray(last));
    for (let index = 0; index < stolen; index++)
      plain[last + index] = (tail[index] ?? 0) ^ (restored[index] ?? 0);
    const middle = this.#decryptBlocks(restored);
    if (beforeLast > 0) xorBlock(middle, 0, ciphertext, beforeLast - blockSize);
    plain.set(middle, beforeLast);
    return plain;
  }

  #decryptBlocks(blocks: Uint8Array): Uint8Array {
    if (this.#decryptor === undefined) {
      this.#decryptor = createDecipheriv(this.#algorithm(), this.#key, zeroBlock);
      this.#decryptor.setAutoPadding(false);
    }
    const out = this.#decryptor.update(blocks);
    xorBlock(out, 0, this.#decryptorChain, 0);
    this.#decryptorChain.set(blocks.subarray(blocks.length - blockSize));
    return out;
  }

  #algorithm(): string {
    return this.#key.length === 16 ? "aes-128-cbc" : "aes-256-cbc";
  }
}

function xorBlock(target: Uint8Array, at: number, other: Uint8Array, otherAt: number): void {
  for (let index = 0; index < blockSize; index++) {
    target[at + index] = (target[at + index] ?? 0) ^ (other[otherAt + index] ?? 0);
  }
}
