import { fromHex, toHex } from "@waybill/base";
import { describe, expect, it } from "vitest";
import { cfx2, checksum, decrypt, prf, stringToKey, verifyChecksum } from "../../src/crypto/index.ts";
import { cfx2Vectors, checksumVectors, decryptVectors, prfVectors } from "./mit-vectors.ts";

describe("decryption (MIT t_decrypt.c; RFC 4757 for etype 23)", () => {
  it.each(decryptVectors)("etype $etype, usage $usage", (vector) => {
    const key = { keytype: vector.etype, keyvalue: fromHex(vector.key) };
    expect(toHex(decrypt(key, vector.usage, fromHex(vector.ciphertext)))).toBe(vector.plaintext);
  });
});

describe("checksums (MIT t_cksums.c)", () => {
  it.each(checksumVectors)("type $cksumtype", (vector) => {
    const key = { keytype: vector.etype, keyvalue: fromHex(vector.key) };
    const data = fromHex(vector.data);
    const expected = { cksumtype: vector.cksumtype, checksum: fromHex(vector.checksum) };
    expect(checksum(key, vector.usage, data)).toEqual(expected);
    expect(verifyChecksum(key, vector.usage, data, expected)).toBe(true);
    expect(verifyChecksum(key, vector.usage + 1, data, expected)).toBe(false);
  });
});

describe("pseudo-random functions (MIT t_prf.c)", () => {
  it.each(prfVectors)("etype $etype, input $input", (vector) => {
    const key = { keytype: vector.etype, keyvalue: fromHex(vector.key) };
    expect(toHex(prf(key, fromHex(vector.input)))).toBe(vector.output);
    expect(toHex(prf(key, fromHex(vector.input)))).toBe(vector.output);
  });
});

describe("RFC 6113 section 5.1: KRB-FX-CF2 over PRF+ (MIT t_cf2.expected)", () => {
  it.each(cfx2Vectors)("etype $etype", (vector) => {
    const first = stringToKey(vector.etype, "key1", "key1");
    const second = stringToKey(vector.etype, "key2", "key2");
    expect(toHex(cfx2(first, second, "a", "b").keyvalue)).toBe(vector.key);
  });
});
