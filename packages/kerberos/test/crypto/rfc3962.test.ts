import { fromHex, toHex, utf8 } from "@waybill/base";
import { describe, expect, it } from "vitest";
import { AesCts } from "../../src/crypto/aes-cts.ts";
import { deriveRandom } from "../../src/crypto/derive.ts";
import { stringToKey } from "../../src/crypto/index.ts";
import { deriveVectors, stringToKeyVectors } from "./mit-vectors.ts";

const text = "I would like the General Gau's Chicken, please, and wonton soup.";

describe("RFC 3962 appendix B: CBC with ciphertext stealing", () => {
  const cipher = new AesCts(utf8("chicken teriyaki"));

  it.each([
    [17, "c6353568f2bf8cb4d8a580362da7ff7f97"],
    [31, "fc00783e0efdb2c1d445d4c8eff7ed2297687268d6ecccc0c07b25e25ecfe5"],
    [32, "39312523a78662d5be7fcbcc98ebf5a897687268d6ecccc0c07b25e25ecfe584"],
    [47, "97687268d6ecccc0c07b25e25ecfe584b3fffd940c16a18c1b5549d2f838029e39312523a78662d5be7fcbcc98ebf5"],
    [48, "97687268d6ecccc0c07b25e25ecfe5849dad8bbb96c4cdc03bc103e1a194bbd839312523a78662d5be7fcbcc98ebf5a8"],
    [
      64,
      "97687268d6ecccc0c07b25e25ecfe58439312523a78662d5be7fcbcc98ebf5a8" +
        "4807efe836ee89a526730dbc2f7bc8409dad8bbb96c4cdc03bc103e1a194bbd8",
    ],
  ])("%i octets, both ways, twice with the same object", (length, ciphertext) => {
    for (let round = 0; round < 2; round++) {
      const padded = new Uint8Array(Math.ceil(length / 16) * 16);
      padded.set(utf8(text).subarray(0, length));
      const out = new Uint8Array(length);
      cipher.encrypt(padded, length, out, 0);
      expect(toHex(out)).toBe(ciphertext);
      expect(Buffer.from(cipher.decrypt(out)).toString()).toBe(text.slice(0, length));
    }
  });
});

describe("RFC 3962 appendix B: string-to-key", () => {
  it.each(stringToKeyVectors.filter(({ etype }) => etype === 17 || etype === 18))(
    "etype $etype, $password, params $params",
    (vector) => {
      const password = Buffer.from(vector.password, "hex").toString();
      const options = { params: fromHex(vector.params), minIterations: 1 };
      const key = stringToKey(vector.etype, password, fromHex(vector.salt), options);
      expect(toHex(key.keyvalue)).toBe(vector.key);
    },
  );
});

describe("RFC 3961 section 5.3: Kc, Ke and Ki of AES keys (MIT t_derive.c)", () => {
  it.each(deriveVectors.filter(({ etype }) => etype === 17 || etype === 18))("$key $constant", (vector) => {
    const cipher = new AesCts(fromHex(vector.key));
    const encryptBlocks = (blocks: Uint8Array) => cipher.encryptBlocks(blocks);
    for (let round = 0; round < 2; round++) {
      const derived = deriveRandom(encryptBlocks, 16, fromHex(vector.constant), vector.key.length / 2);
      expect(toHex(derived)).toBe(vector.derived);
    }
  });
});
