import { Asn1Error } from "@waybill/asn1";
import { fromHex, toHex, utf8 } from "@waybill/base";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseFilter } from "../src/index.ts";
import { decodeMessage, encodeMessage, type LdapMessage } from "../src/messages/ldap-message.ts";

const result = { resultCode: 0, matchedDN: "", diagnosticMessage: "" };

// Written by hand from the ASN.1 of RFC 4511, octet by octet.
const pairs: [string, LdapMessage, string][] = [
  [
    "anonymous bind",
    {
      messageID: 1,
      protocolOp: {
        kind: "bindRequest",
        value: { version: 3, name: "", authentication: { kind: "simple", value: new Uint8Array(0) } },
      },
    },
    "30 0c 02 01 01 60 07 02 01 03 04 00 80 00",
  ],
  ["unbind", { messageID: 5, protocolOp: { kind: "unbindRequest", value: null } }, "30 05 02 01 05 42 00"],
  ["abandon", { messageID: 6, protocolOp: { kind: "abandonRequest", value: 5 } }, "30 06 02 01 06 50 01 05"],
  [
    "delete",
    { messageID: 7, protocolOp: { kind: "delRequest", value: "dc=a" } },
    "30 09 02 01 07 4a 04 64 63 3d 61",
  ],
  [
    "search for everything",
    {
      messageID: 2,
      protocolOp: {
        kind: "searchRequest",
        value: {
          baseObject: "",
          scope: 0,
          derefAliases: 0,
          sizeLimit: 0,
          timeLimit: 0,
          typesOnly: false,
          filter: parseFilter("(cn=*)"),
          attributes: ["1.1"],
        },
      },
    },
    "30 21 02 01 02 63 1c 04 00 0a 01 00 0a 01 00 02 01 00 02 01 00 01 01 00 87 02 63 6e 30 05 04 03 31 2e 31",
  ],
  [
    "search done with a control",
    {
      messageID: 2,
      protocolOp: { kind: "searchResDone", value: result },
      controls: [{ controlType: "1.2", criticality: true, controlValue: utf8("x") }],
    },
    "30 1b 02 01 02 65 07 0a 01 00 04 00 04 00 a0 0d 30 0b 04 03 31 2e 32 01 01 ff 04 01 78",
  ],
  [
    "a referral",
    {
      messageID: 3,
      protocolOp: { kind: "delResponse", value: { ...result, resultCode: 10, referral: ["ldap://a"] } },
    },
    "30 18 02 01 03 6b 13 0a 01 0a 04 00 04 00 a3 0a 04 08 6c 64 61 70 3a 2f 2f 61",
  ],
  [
    "SASL in progress",
    {
      messageID: 1,
      protocolOp: {
        kind: "bindResponse",
        value: { ...result, resultCode: 14, serverSaslCreds: fromHex("aa") },
      },
    },
    "30 0f 02 01 01 61 0a 0a 01 0e 04 00 04 00 87 01 aa",
  ],
];

describe("messages (RFC 4511 section 4)", () => {
  test.each(pairs)("%s", (_name, message, hex) => {
    expect(toHex(encodeMessage(message))).toBe(hex.replaceAll(" ", ""));
    expect(encodeMessage(decodeMessage(fromHex(hex)))).toEqual(fromHex(hex));
  });

  test("BER that is not DER is read: long lengths, TRUE as 1, unknown members at the end", () => {
    const header = "30 84 00 00 00 20 02 01 02 63 84 00 00 00 17";
    const fields = "04 00 0a 01 00 0a 01 00 02 01 00 02 01 00 01 01 01 87 00 30 00 04 00";
    const message = decodeMessage(fromHex(`${header} ${fields}`));
    expect(message.protocolOp).toMatchObject({ kind: "searchRequest", value: { typesOnly: true } });
  });

  test("every truncation and every flipped octet either decodes or gives Asn1Error", () => {
    for (const [, , hex] of pairs) {
      const bytes = fromHex(hex);
      for (let at = 0; at < bytes.length; at++) {
        expect(() => decodeMessage(bytes.subarray(0, at))).toThrow(Asn1Error);
        for (const flip of [0x01, 0x20, 0x80, 0xff]) {
          const changed = bytes.slice();
          changed[at] = (changed[at] ?? 0) ^ flip;
          decodesOrRefuses(changed);
        }
      }
    }
  });

  test("random octets give Asn1Error", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), decodesOrRefuses), { numRuns: 2000 });
  });

  test("a filter nested too deeply is refused, not a stack overflow", () => {
    let nested = fromHex("87 01 61");
    for (let i = 0; i < 3000; i++) {
      const length = nested.length;
      const header = fromHex("a2 83 00 00 00");
      header.set([length >> 16, (length >> 8) & 255, length & 255], 2);
      nested = Uint8Array.from([...header, ...nested]);
    }
    const fields = [...fromHex("04 00 0a 01 00 0a 01 00 02 01 00 02 01 00 01 01 00"), ...nested, 0x30, 0];
    const wrap = (tag: number, content: number[]): number[] => [
      tag,
      0x83,
      content.length >> 16,
      (content.length >> 8) & 255,
      content.length & 255,
      ...content,
    ];
    const message = Uint8Array.from(wrap(0x30, [2, 1, 1, ...wrap(0x63, fields)]));
    expect(() => decodeMessage(message)).toThrow(expect.objectContaining({ code: "ASN1_TOO_DEEP" }));
  });
});

function decodesOrRefuses(bytes: Uint8Array): void {
  try {
    decodeMessage(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(Asn1Error);
  }
}
