import { createCipheriv } from "node:crypto";
import { fromHex, toHex, utf8 } from "@waybill/base";
import { describe, expect, it } from "vitest";
import { deriveRandom } from "../../src/crypto/derive.ts";
import { nfold } from "../../src/crypto/nfold.ts";
import { deriveVectors } from "./mit-vectors.ts";

describe("RFC 3961 appendix A.1: n-fold", () => {
  it.each([
    ["012345", 64, "be072631276b1955"],
    ["password", 56, "78a07b6caf85fa"],
    ["Rough Consensus, and Running Code", 64, "bb6ed30870b7f0e0"],
    ["password", 168, "59e4a8ca7c0385c3c37b3f6d2000247cb6e6bd5b3e"],
    ["MASSACHVSETTS INSTITVTE OF TECHNOLOGY", 192, "db3b0d8f0b061e603282b308a50841229ad798fab9540c1b"],
    ["Q", 168, "518a54a215a8452a518a54a215a8452a518a54a215"],
    ["ba", 168, "fb25d531ae8974499f52fd92ea9857c4ba24cf297e"],
    ["kerberos", 64, "6b65726265726f73"],
    ["kerberos", 128, "6b65726265726f737b9b5b2b93132b93"],
    ["kerberos", 168, "8372c236344e5f1550cd0747e15d62ca7a5a3bcea4"],
    ["kerberos", 256, "6b65726265726f737b9b5b2b93132b935c9bdcdad95c9899c4cae4dee6d6cae4"],
  ])("of %j to %i bits", (input, bits, folded) => {
    expect(toHex(nfold(utf8(input), bits / 8))).toBe(folded);
  });
});

/** des3-cbc-sha1 is not among the types this package speaks, but the RFC's only derivation vectors are for it. */
function tripleDes(key: Uint8Array): (blocks: Uint8Array) => Uint8Array {
  return (blocks) => {
    const cipher = createCipheriv("des-ede3-cbc", key, new Uint8Array(8));
    cipher.setAutoPadding(false);
    return cipher.update(blocks);
  };
}

/** DES3random-to-key of RFC 3961 section 6.3.1: 7 octets become 8, the last one made of the low bits, with parity. */
function tripleDesKey(random: Uint8Array): Uint8Array {
  const key: number[] = [];
  for (let at = 0; at < 21; at += 7) {
    const seven = [...random.subarray(at, at + 7)];
    const last = seven.reduce((sum, octet, index) => sum | ((octet & 1) << (index + 1)), 0);
    for (const octet of [...seven, last]) {
      const high = octet & 0xfe;
      const ones = high.toString(2).replaceAll("0", "").length;
      key.push(high | (ones % 2 === 0 ? 1 : 0));
    }
  }
  return Uint8Array.from(key);
}

describe("RFC 3961 appendix A.3: DR and DK", () => {
  it("with the first vector of the appendix", () => {
    const key = fromHex("dce06b1f64c857a11c3db57c51899b2cc1791008ce973b92");
    const random = deriveRandom(tripleDes(key), 8, fromHex("0000000155"), 21);
    expect(toHex(random)).toBe("935079d14490a75c3093c4a6e8c3b049c71e6ee705");
    expect(toHex(tripleDesKey(random))).toBe("925179d04591a79b5d3192c4a7e9c289b049c71f6ee604cd");
  });

  it.each(deriveVectors.filter((vector) => vector.etype === 16))(
    "des3, constant $constant (MIT t_derive.c)",
    (vector) => {
      const random = deriveRandom(tripleDes(fromHex(vector.key)), 8, fromHex(vector.constant), 21);
      expect(toHex(tripleDesKey(random))).toBe(vector.derived);
    },
  );
});
