import { cbc } from "@noble/ciphers/aes.js";
import { hmac } from "@noble/hashes/hmac.js";
import { md5, sha1 } from "@noble/hashes/legacy.js";
import { pbkdf2 } from "@noble/hashes/pbkdf2.js";
import { sha256, sha384 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8 } from "@waybill/base";

/**
 * The AES encryption types once more, written from the RFCs on another crypto library and with other algorithms
 * (n-fold by bits and big integers, stealing block by block), to be compared with. Slow and plain.
 */
export function nfoldByBits(input: Uint8Array, size: number): Uint8Array {
  let bits = [...input].map((octet) => octet.toString(2).padStart(8, "0")).join("");
  let row = "";
  while (row.length === 0 || row.length % (size * 8) !== 0) {
    row += bits;
    const turn = 13 % bits.length;
    bits = bits.slice(bits.length - turn) + bits.slice(0, bits.length - turn);
  }
  const modulus = (1n << BigInt(size * 8)) - 1n;
  let sum = 0n;
  for (let at = 0; at < row.length; at += size * 8) sum += BigInt(`0b${row.slice(at, at + size * 8)}`);
  while (sum > modulus) sum = (sum & modulus) + (sum >> BigInt(size * 8));
  return new Uint8Array(Buffer.from(sum.toString(16).padStart(size * 2, "0"), "hex"));
}

const zero = new Uint8Array(16);

function aesBlock(key: Uint8Array, block: Uint8Array): Uint8Array {
  return cbc(key, zero, { disablePadding: true }).encrypt(block);
}

export function ctsEncrypt(key: Uint8Array, plain: Uint8Array): Uint8Array {
  const blocks: Uint8Array[] = [];
  let previous: Uint8Array = zero;
  for (let at = 0; at < plain.length; at += 16) {
    const block = new Uint8Array(16);
    block.set(plain.subarray(at, at + 16));
    previous = aesBlock(
      key,
      block.map((octet, index) => octet ^ previous[index]!),
    );
    blocks.push(previous);
  }
  if (blocks.length === 1) return blocks[0]!;
  const last = blocks.pop()!;
  const beforeLast = blocks.pop()!;
  return concatBytes(...blocks, last, beforeLast.subarray(0, plain.length - 16 * (blocks.length + 1)));
}

function deriveKey(key: Uint8Array, constant: Uint8Array): Uint8Array {
  let block = constant.length === 16 ? constant : nfoldByBits(constant, 16);
  const parts: Uint8Array[] = [];
  while (parts.length * 16 < key.length) {
    block = aesBlock(key, block);
    parts.push(block);
  }
  return concatBytes(...parts);
}

function usageConstant(usage: number, purpose: number): Uint8Array {
  const bytes = new Uint8Array(5);
  new DataView(bytes.buffer).setUint32(0, usage);
  bytes[4] = purpose;
  return bytes;
}

function kdf(
  hash: typeof sha256 | typeof sha384,
  key: Uint8Array,
  label: Uint8Array,
  bits: number,
): Uint8Array {
  const tail = Uint8Array.of(0, 0, 0, bits >> 8, bits & 255);
  return hmac(hash, key, concatBytes(Uint8Array.of(0, 0, 0, 1), label, tail)).subarray(0, bits / 8);
}

export interface IndependentType {
  encrypt(key: Uint8Array, usage: number, plain: Uint8Array, confounder: Uint8Array): Uint8Array;
  checksum(key: Uint8Array, usage: number, data: Uint8Array): Uint8Array;
  stringToKey(password: string, salt: string, iterations: number): Uint8Array;
}

function sha1Type(size: number): IndependentType {
  return {
    encrypt(key, usage, plain, confounder) {
      const whole = concatBytes(confounder, plain);
      const mac = hmac(sha1, deriveKey(key, usageConstant(usage, 0x55)), whole).subarray(0, 12);
      return concatBytes(ctsEncrypt(deriveKey(key, usageConstant(usage, 0xaa)), whole), mac);
    },
    checksum: (key, usage, data) =>
      hmac(sha1, deriveKey(key, usageConstant(usage, 0x99)), data).subarray(0, 12),
    stringToKey: (password, salt, c) =>
      deriveKey(pbkdf2(sha1, utf8(password), utf8(salt), { c, dkLen: size }), utf8("kerberos")),
  };
}

function sha2Type(
  hash: typeof sha256 | typeof sha384,
  name: string,
  size: number,
  mac: number,
): IndependentType {
  return {
    encrypt(key, usage, plain, confounder) {
      const sealed = ctsEncrypt(
        kdf(hash, key, usageConstant(usage, 0xaa), size * 8),
        concatBytes(confounder, plain),
      );
      const tag = hmac(hash, kdf(hash, key, usageConstant(usage, 0x55), mac * 8), concatBytes(zero, sealed));
      return concatBytes(sealed, tag.subarray(0, mac));
    },
    checksum: (key, usage, data) =>
      hmac(hash, kdf(hash, key, usageConstant(usage, 0x99), mac * 8), data).subarray(0, mac),
    stringToKey: (password, salt, c) =>
      kdf(
        hash,
        pbkdf2(hash, utf8(password), utf8(`${name}\0${salt}`), { c, dkLen: size }),
        utf8("kerberos"),
        size * 8,
      ),
  };
}

export const independentTypes: ReadonlyMap<number, IndependentType> = new Map([
  [17, sha1Type(16)],
  [18, sha1Type(32)],
  [19, sha2Type(sha256, "aes128-cts-hmac-sha256-128", 16, 16)],
  [20, sha2Type(sha384, "aes256-cts-hmac-sha384-192", 32, 24)],
]);

export function hmacMd5ChecksumIndependently(key: Uint8Array, usage: number, data: Uint8Array): Uint8Array {
  const salt = new Uint8Array(4);
  new DataView(salt.buffer).setUint32(0, usage, true);
  return hmac(md5, hmac(md5, key, utf8("signaturekey\0")), md5(concatBytes(salt, data)));
}
