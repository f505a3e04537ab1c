import { concatBytes, fromUtf8, utf8 } from "@waybill/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { storm, stormTimeout } from "../../../kerberos/test/support/storm.ts";
import {
  checkPlainLength,
  encryptedContentType,
  isEncryptedContentType,
  readEncryptedMessage,
  SealProtocol,
  WsmanError,
  writeEncryptedMessage,
} from "../../src/index.ts";

const type = encryptedContentType(SealProtocol.spnego);
const parts = { protocol: SealProtocol.spnego, length: 3, header: utf8("HDR"), payload: utf8("xyz") };

describe("multipart/encrypted (MS-WSMV 2.2.9.1)", () => {
  it("is written with tabs and CRLF as the specification shows", () => {
    expect(type).toBe(
      'multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="Encrypted Boundary"',
    );
    expect(fromUtf8(writeEncryptedMessage(parts))).toBe(
      "--Encrypted Boundary\r\n\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n" +
        "\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=3\r\n" +
        "--Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n" +
        "\x03\x00\x00\x00HDRxyz--Encrypted Boundary--\r\n",
    );
  });

  it("carries any bytes, boundaries and line ends among them", () => {
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc.constantFrom(utf8("--Encrypted Boundary\r\n"), utf8("\r\n"), utf8("--Encrypted Boundary--\r\n")),
    );
    fc.assert(
      fc.property(bytes, bytes, (header, payload) => {
        const read = readEncryptedMessage(type, writeEncryptedMessage({ ...parts, header, payload }));
        expect([read.header, read.payload, read.length]).toEqual([header, payload, 3]);
      }),
    );
  });

  it.each([
    ["a space before the boundary, as Exchange sends", /--Encrypted/g, "-- Encrypted"],
    ["no tabs, as event forwarders send", /\t/g, ""],
    ["bare line feeds", /\r\n/g, "\n"],
    ["lower case", /Content-Type: application\/HTTP/g, "content-type:application/http"],
  ])("is read with %s", (_name, pattern, replacement) => {
    const text = fromUtf8(writeEncryptedMessage(parts)).replace(pattern, replacement);
    expect(readEncryptedMessage(type, utf8(text))).toMatchObject({
      header: utf8("HDR"),
      payload: utf8("xyz"),
    });
  });

  it("is read without the last line break", () => {
    const whole = writeEncryptedMessage(parts);
    expect(readEncryptedMessage(type, whole.subarray(0, -2)).payload).toEqual(utf8("xyz"));
  });

  it("refuses damage with a typed error, whatever it is", () => {
    const whole = writeEncryptedMessage(parts);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, value, cut) => {
        const damaged = whole.slice(0, cut);
        if (at < cut) damaged[at] = value;
        try {
          readEncryptedMessage(type, damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(WsmanError);
          expect(error).toMatchObject({ code: "WSMAN_FRAMING_INVALID" });
        }
      }),
      { numRuns: 500 },
    );
  });

  it("refuses lengths that do not fit", () => {
    const lie = concatBytes(writeEncryptedMessage(parts));
    const at = fromUtf8(lie).indexOf("\x03\x00\x00\x00");
    lie[at] = 200;
    expect(() => readEncryptedMessage(type, lie)).toThrow("a token header of 200 bytes does not fit");
    expect(() => checkPlainLength({ ...parts, length: 2 }, utf8("xyz"))).toThrow(WsmanError);
    expect(() => checkPlainLength({ ...parts, length: 100 }, utf8("xyz"))).toThrow(WsmanError);
    expect(() => checkPlainLength({ ...parts, length: 4 }, utf8("xyz"))).not.toThrow();
  });

  it("knows its content type and refuses CredSSP's", () => {
    expect(isEncryptedContentType("Multipart/Encrypted; boundary=x")).toBe(true);
    expect(isEncryptedContentType("application/soap+xml")).toBe(false);
    expect(() => readEncryptedMessage("multipart/x-multi-encrypted", new Uint8Array(0))).toThrow("CredSSP");
  });
});

it("mutated messages are read or refused by name", { timeout: stormTimeout }, () => {
  storm([writeEncryptedMessage(parts)], (bytes) => readEncryptedMessage(type, bytes));
});
