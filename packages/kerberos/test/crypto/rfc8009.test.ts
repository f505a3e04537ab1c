import { fromHex, toHex } from "@waybill/base";
import { describe, expect, it } from "vitest";
import { deriveHmacSha2 } from "../../src/crypto/derive.ts";
import { decrypt, encrypt, stringToKey } from "../../src/crypto/index.ts";
import { deriveVectors, stringToKeyVectors } from "./mit-vectors.ts";

const isSha2 = ({ etype }: { readonly etype: number }) => etype === 19 || etype === 20;

describe("RFC 8009 appendix A: string-to-key with 32768 iterations", () => {
  it.each(stringToKeyVectors.filter(isSha2))("etype $etype", (vector) => {
    const password = Buffer.from(vector.password, "hex").toString();
    const named = stringToKey(vector.etype, password, fromHex(vector.salt), {
      params: fromHex(vector.params),
    });
    expect(toHex(named.keyvalue)).toBe(vector.key);
    expect(stringToKey(vector.etype, password, fromHex(vector.salt))).toEqual(named);
  });
});

describe("RFC 8009 appendix A: Kc, Ke and Ki", () => {
  it.each(deriveVectors.filter(isSha2))("etype $etype, constant $constant", (vector) => {
    const hash = vector.etype === 19 ? "sha256" : "sha384";
    const derived = deriveHmacSha2(
      hash,
      fromHex(vector.key),
      fromHex(vector.constant),
      vector.derived.length / 2,
    );
    expect(toHex(derived)).toBe(vector.derived);
  });
});

describe("RFC 8009 appendix A: encryption with the confounder of the appendix, usage 2", () => {
  const key128 = { keytype: 19, keyvalue: fromHex("3705d96080c17728a0e800eab6e0d23c") };

  it("of an empty plaintext", () => {
    const confounder = fromHex("7e5895eaf2672435bad817f545a37148");
    const ciphertext = encrypt(key128, 2, new Uint8Array(0), { confounder });
    expect(toHex(ciphertext)).toBe("ef85fb890bb8472f4dab20394dca781dad877eda39d50c870c0d5a0a8e48c718");
    expect(decrypt(key128, 2, ciphertext)).toEqual(new Uint8Array(0));
  });

  it("of a plaintext shorter than a block", () => {
    const confounder = fromHex("7bca285e2fd4130fb55b1a5c83bc5b24");
    const ciphertext = encrypt(key128, 2, fromHex("000102030405"), { confounder });
    expect(toHex(ciphertext)).toBe(
      "84d7f30754ed987bab0bf3506beb09cfb55402cef7e6877ce99e247e52d16ed4421dfdf8976c",
    );
  });
});
