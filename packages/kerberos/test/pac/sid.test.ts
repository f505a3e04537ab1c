import { toHex } from "@waybill/base";
import { describe, expect, test } from "vitest";
import { formatSid, isSid, joinSid, parseSid, splitSid } from "../../src/pac/sid.ts";

describe("MS-DTYP 2.4.2 SID", () => {
  // Octets after MS-DTYP 2.4.2.2; S-1-5-32-544 is BUILTIN\Administrators.
  test.each([
    ["S-1-5-32-544", "01020000000000052000000020020000"],
    ["S-1-1-0", "010100000000000100000000"],
    ["S-1-0", "0100000000000000"],
    ["S-1-0x010000000000-1", "010101000000000001000000"],
    ["S-1-5-21-4294967295-0-1-2", "010500000000000515000000ffffffff000000000100000002000000"],
  ])("%s", (text, hex) => {
    expect(toHex(parseSid(text))).toBe(hex);
    expect(formatSid(parseSid(text))).toBe(text);
  });

  test.each([
    "",
    "S-1",
    "S-1-",
    "s-2-5",
    "S-1-5-",
    "S-1-5-4294967296",
    "S-1-5--1",
    "S-1-281474976710656",
    `S-1-5${"-1".repeat(16)}`,
    "S-1-5-1\n",
  ])("%j is refused", (text) => {
    expect(() => parseSid(text)).toThrow(expect.objectContaining({ code: "PAC_INVALID_SID" }));
    expect(isSid(text)).toBe(false);
  });

  test("octets that are no SID are refused", () => {
    for (const bytes of [[], [1], [2, 0, 0, 0, 0, 0, 0, 5], [1, 1, 0, 0, 0, 0, 0, 5], [1, 16]]) {
      expect(() => formatSid(new Uint8Array(bytes))).toThrow(
        expect.objectContaining({ code: "PAC_INVALID_SID" }),
      );
    }
  });

  test("domain and relative identifier", () => {
    expect(joinSid("S-1-5-21-1-2-3", 500)).toBe("S-1-5-21-1-2-3-500");
    expect(splitSid("S-1-5-21-1-2-3-500")).toEqual({ domain: "S-1-5-21-1-2-3", rid: 500 });
    expect(() => splitSid("S-1-5")).toThrow(/no relative identifier/);
  });
});
