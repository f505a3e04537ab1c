import { toHex, utf8 } from "@waybill/base";
import { describe, expect, it } from "vitest";
import {
  checksum,
  computerSalt,
  defaultEncTypes,
  encodeIterations,
  encrypt,
  encTypesWithRc4,
  formatEncType,
  parseEncType,
  parseEncTypeList,
  prfPlus,
  principalSalt,
  randomKey,
  randomToKey,
  stringToKey,
  supportedEncTypes,
  userSalt,
  verifyChecksum,
} from "../../src/crypto/index.ts";
import { md4 } from "../../src/crypto/md4.ts";
import { rc4 } from "../../src/crypto/rc4.ts";

const withCode = (code: string) => expect.objectContaining({ name: "KerberosError", code });

describe("MD4: RFC 1320 appendix A.5", () => {
  it.each([
    ["", "31d6cfe0d16ae931b73c59d7e0c089c0"],
    ["a", "bde52cb31de33e46245e05fbdbd6fb24"],
    ["abc", "a448017aaf21d8525fc10ae87aa6729d"],
    ["message digest", "d9130a8164549fe818874806e1c7014b"],
    ["abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9"],
    ["ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "043f8582f241db351ce627e153e7f0e4"],
    [
      "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
      "e33b4ddc9c38f2199c3e7b164fcc0536",
    ],
  ])("of %j", (text, digest) => {
    expect(toHex(md4(utf8(text)))).toBe(digest);
  });
});

describe("RC4: RFC 6229 section 2, 128-bit key 0102…10", () => {
  it("gives the key stream at offset 0", () => {
    const key = Uint8Array.from({ length: 16 }, (_, index) => index + 1);
    expect(toHex(rc4(key, new Uint8Array(32)))).toBe(
      "9ac7cc9a609d1ef7b2932899cde41b975248c4959014126a6e8a84f11d1a9e1c",
    );
  });
});

describe("string-to-key", () => {
  it("of rc4-hmac is the NT hash (RFC 4757 section 2)", () => {
    expect(toHex(stringToKey(23, "foo", "").keyvalue)).toBe("ac8e657f83df82beea5d43bdaf7800cc");
  });

  it("normalizes a password to NFC, so that how an accent was typed does not matter", () => {
    expect(stringToKey(17, "e\u0301", "S")).toEqual(stringToKey(17, "\u00e9", "S"));
  });

  it.each([
    ["zero, which stands for 2^32", encodeIterations(0)],
    ["too many", encodeIterations(0xffff_ffff)],
    ["too few", encodeIterations(1)],
    ["three octets", new Uint8Array(3)],
  ])("refuses iterations: %s", (_, params) => {
    expect(() => stringToKey(18, "password", "salt", { params })).toThrow(
      withCode("BAD_STRING_TO_KEY_PARAMS"),
    );
  });

  it("refuses parameters for rc4-hmac", () => {
    const params = encodeIterations(4096);
    expect(() => stringToKey(23, "p", "", { params })).toThrow(withCode("BAD_STRING_TO_KEY_PARAMS"));
  });
});

describe("salts of Active Directory: MS-KILE section 3.1.1.2", () => {
  it("of a user keep the name's spelling", () => {
    expect(userSalt("lab.test", "Alice")).toBe("LAB.TESTAlice");
  });
  it("of a computer are in lower case after the realm, with or without the dollar sign", () => {
    expect(computerSalt("LAB.TEST", "KVM01$")).toBe("LAB.TESThostkvm01.lab.test");
    expect(computerSalt("lab.test", "kvm01")).toBe("LAB.TESThostkvm01.lab.test");
  });
  it("of RFC 4120 are the realm and all components", () => {
    expect(principalSalt({ realm: "LAB.TEST", components: ["host", "kvm01"] })).toBe("LAB.TESThostkvm01");
  });
});

describe("the table of encryption types", () => {
  it("offers AES only, unless rc4-hmac is asked for", () => {
    expect(defaultEncTypes).toEqual([18, 17, 20, 19]);
    expect(encTypesWithRc4).toEqual([18, 17, 20, 19, 23]);
  });

  it.each(supportedEncTypes)("knows $name by all its names", ({ etype, name, aliases }) => {
    for (const spelling of [name, ...aliases, name.toUpperCase(), String(etype)]) {
      expect(parseEncType(spelling)).toBe(etype);
    }
    expect(formatEncType(etype)).toBe(name);
  });

  it("names types it does not speak, and unknown numbers", () => {
    expect(formatEncType(3)).toBe("des-cbc-md5");
    expect(formatEncType(-99)).toBe("etype -99");
    expect(parseEncType("rot13")).toBeUndefined();
  });

  it.each([
    ["aes256-cts aes128-cts", [18, 17], []],
    ["DEFAULT +rc4", [18, 17, 20, 19, 23], []],
    ["aes,-aes256-sha2, rc4-hmac", [18, 17, 19, 23], []],
    ["des3-cbc-sha1 aes256-sha1 bogus", [18], ["des3-cbc-sha1", "bogus"]],
    ["DEFAULT -aes", [], []],
  ])("reads the list %j", (text, etypes, ignored) => {
    expect(parseEncTypeList(text, defaultEncTypes)).toEqual({ etypes, ignored });
  });
});

describe("bad arguments", () => {
  it("are refused by name", () => {
    const aes = randomKey(18);
    expect(() => encrypt({ keytype: 99, keyvalue: new Uint8Array(16) }, 1, utf8("x"))).toThrow(
      withCode("KDC_ERR_ETYPE_NOSUPP"),
    );
    expect(() => encrypt({ keytype: 18, keyvalue: new Uint8Array(16) }, 1, utf8("x"))).toThrow(
      withCode("BAD_KEY_SIZE"),
    );
    expect(() => encrypt(aes, 1, utf8("x"), { confounder: utf8("short") })).toThrow(
      withCode("BAD_CONFOUNDER_SIZE"),
    );
    expect(() => randomToKey(17, new Uint8Array(3))).toThrow(withCode("BAD_KEY_SIZE"));
    expect(() => prfPlus(aes, utf8("x"), 255 * 16 + 1)).toThrow(withCode("PRF_TOO_LONG"));
    expect(() => checksum(aes, 1, utf8("x"), 7)).toThrow(withCode("KDC_ERR_SUMTYPE_NOSUPP"));
  });

  it("an unkeyed checksum, or one of another key type, proves nothing", () => {
    const aes = randomKey(18);
    for (const cksumtype of [1, 7, 14, 15, 19, 0x8003]) {
      expect(verifyChecksum(aes, 1, utf8("x"), { cksumtype, checksum: new Uint8Array(12) })).toBe(false);
    }
  });
});

describe("what is derived from a key", () => {
  const data = utf8("data");
  const mac = (key: Parameters<typeof checksum>[0]): string => toHex(checksum(key, 1, data).checksum);

  it("is the same for a copy, and for an object that cannot be changed", () => {
    const key = randomKey(18);
    expect(mac({ ...key })).toBe(mac(key));
    const frozen = Object.freeze({ ...key });
    expect([mac(frozen), mac(frozen)]).toEqual([mac(key), mac(key)]);
  });

  it("does not show on the key object and does not go with a copy", () => {
    const key = randomKey(18);
    mac(key);
    expect(Reflect.ownKeys(key)).toEqual(["keytype", "keyvalue"]);
    const other = { ...key, keyvalue: randomKey(18).keyvalue };
    expect(mac(other)).not.toBe(mac(key));
  });

  it("is derived anew when the object gets other octets or another type", () => {
    const first = randomKey(18);
    const second = randomKey(18);
    const key = { ...first };
    mac(key);
    key.keyvalue = second.keyvalue;
    expect(mac(key)).toBe(mac(second));
    key.keytype = 20;
    expect(mac(key)).toBe(mac({ keytype: 20, keyvalue: second.keyvalue }));
    key.keytype = 18;
    key.keyvalue = first.keyvalue;
    expect(mac(key)).toBe(mac(first));
  });
});
