import { concatBytes, utf8 } from "@waybill/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checksum,
  ciphertextLength,
  decrypt,
  encodeIterations,
  encrypt,
  enctypeInfo,
  randomKey,
  stringToKey,
  supportedEncTypes,
  verifyChecksum,
} from "../../src/crypto/index.ts";
import { nfold } from "../../src/crypto/nfold.ts";
import { KerberosError } from "../../src/errors.ts";
import { hmacMd5ChecksumIndependently, independentTypes, nfoldByBits } from "./independent.ts";

const aesTypes = [...independentTypes];
const bytes = (size: number) => fc.uint8Array({ minLength: size, maxLength: size });
const usage = fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 0xffff_ffff }));

describe("an implementation on another library agrees", () => {
  it("on n-fold", () => {
    const input = fc.uint8Array({ minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(input, fc.integer({ min: 1, max: 48 }), (octets, size) => {
        expect(nfold(octets, size)).toEqual(nfoldByBits(octets, size));
      }),
      { numRuns: 300 },
    );
  });

  it.each(aesTypes)("on encryption and checksums of etype %i", (etype, other) => {
    const { keySize, confounderSize } = enctypeInfo(etype);
    const plaintext = fc.uint8Array({ minLength: 0, maxLength: 200 });
    fc.assert(
      fc.property(
        bytes(keySize),
        usage,
        plaintext,
        bytes(confounderSize),
        (keyvalue, number, plain, confounder) => {
          const key = { keytype: etype, keyvalue };
          const sealed = encrypt(key, number, plain, { confounder });
          expect(sealed).toEqual(other.encrypt(keyvalue, number, plain, confounder));
          expect(sealed.length).toBe(ciphertextLength(etype, plain.length));
          expect(decrypt(key, number, sealed)).toEqual(plain);
          expect(checksum(key, number, plain).checksum).toEqual(other.checksum(keyvalue, number, plain));
        },
      ),
      { numRuns: 100 },
    );
  });

  it.each(aesTypes)("on string-to-key of etype %i", (etype, other) => {
    const password = fc.string({ unit: "grapheme" }).map((text) => text.normalize("NFC"));
    fc.assert(
      fc.property(password, fc.string(), fc.integer({ min: 1, max: 8 }), (text, salt, iterations) => {
        const options = { params: encodeIterations(iterations), minIterations: 1 };
        expect(stringToKey(etype, text, salt, options).keyvalue).toEqual(
          other.stringToKey(text, salt, iterations),
        );
      }),
      { numRuns: 40 },
    );
  });

  it("on KERB_CHECKSUM_HMAC_MD5 with keys of every type (MS-SFU section 2.2.1)", () => {
    const type = fc.constantFrom(...supportedEncTypes.map((row) => row.etype));
    fc.assert(
      fc.property(type, fc.uint8Array({ maxLength: 100 }), (etype, data) => {
        const key = randomKey(etype);
        const made = checksum(key, 17, data, -138);
        expect(made.checksum).toEqual(hmacMd5ChecksumIndependently(key.keyvalue, 17, data));
        expect(verifyChecksum(key, 17, data, made)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});

describe("one key object used for many messages", () => {
  it("gives what fresh objects give, in any order of use", () => {
    const step = fc.record({
      opens: fc.boolean(),
      usage: fc.integer({ min: 1, max: 3 }),
      plain: fc.uint8Array({ maxLength: 70 }),
    });
    const type = fc.constantFrom(...supportedEncTypes.map((row) => row.etype));
    fc.assert(
      fc.property(type, fc.array(step, { maxLength: 12 }), (etype, steps) => {
        const held = randomKey(etype);
        const confounder = new Uint8Array(enctypeInfo(etype).confounderSize).fill(7);
        for (const { opens, usage: number, plain } of steps) {
          const sealed = encrypt({ ...held }, number, plain, { confounder });
          if (opens) expect(decrypt(held, number, sealed)).toEqual(plain);
          else expect(encrypt(held, number, plain, { confounder })).toEqual(sealed);
        }
      }),
    );
  });
});

describe("tampering", () => {
  it.each(supportedEncTypes.map((row) => row.etype))(
    "with any bit of etype %i fails as KRB_AP_ERR_BAD_INTEGRITY",
    (etype) => {
      const key = randomKey(etype);
      const plain = utf8("evidence");
      const sealed = encrypt(key, 2, plain);
      for (let bit = 0; bit < sealed.length * 8; bit++) {
        const changed = new Uint8Array(sealed);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        expect(codeOf(() => decrypt(key, 2, changed))).toBe("KRB_AP_ERR_BAD_INTEGRITY");
      }
      for (let length = 0; length < sealed.length; length++) {
        expect(codeOf(() => decrypt(key, 2, sealed.subarray(0, length)))).toBe("KRB_AP_ERR_BAD_INTEGRITY");
      }
      expect(codeOf(() => decrypt(key, 2, concatBytes(sealed, Uint8Array.of(0))))).toBe(
        "KRB_AP_ERR_BAD_INTEGRITY",
      );
      expect(codeOf(() => decrypt(key, 3, sealed))).toBe("KRB_AP_ERR_BAD_INTEGRITY");
      expect(codeOf(() => decrypt(randomKey(etype), 2, sealed))).toBe("KRB_AP_ERR_BAD_INTEGRITY");
      expect(decrypt(key, 2, sealed)).toEqual(plain);
    },
  );
});

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(KerberosError);
    return (error as KerberosError).code;
  }
  return "no error";
}
