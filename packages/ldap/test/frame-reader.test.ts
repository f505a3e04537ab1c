import { concatBytes, fromHex } from "@waybill/base";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FrameReader, measureBerFrame, measureSaslFrame } from "../src/frame-reader.ts";
import { LdapConnectionError } from "../src/index.ts";

function berFrame(content: Uint8Array, longForm: boolean): Uint8Array {
  const { length } = content;
  const header =
    !longForm && length < 0x80
      ? [0x30, length]
      : [0x30, 0x84, 0, length >> 16, (length >> 8) & 255, length & 255];
  return concatBytes(Uint8Array.from(header), content);
}

function readAll(reader: FrameReader): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) frames.push(frame);
  return frames;
}

describe("framing (RFC 4511 section 5.2)", () => {
  test("frames come out whole however the stream is cut", () => {
    const frames = fc.array(fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.boolean()), { maxLength: 6 });
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), (contents, cuts) => {
        const expected = contents.map(([content, longForm]) => berFrame(content, longForm));
        const stream = concatBytes(...expected);
        const reader = new FrameReader(measureBerFrame, 1000);
        const found: Uint8Array[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = cuts[i % cuts.length] ?? 1;
          reader.push(stream.subarray(at, at + size));
          found.push(...readAll(reader));
          at += size;
        }
        expect(found).toEqual(expected);
        expect(reader.pendingBytes).toBe(0);
      }),
    );
  });

  test("a length above the limit is refused before its bytes arrive", () => {
    const reader = new FrameReader(measureBerFrame, 1000);
    reader.push(fromHex("30 84 7f ff ff ff"));
    expect(() => reader.next()).toThrow(expect.objectContaining({ code: "LDAP_MESSAGE_TOO_BIG" }));
  });

  test.each(["16 03 01 02 00", "47 45 54 20 2f", "30 80 00 00", "30 89 01 01 01 01 01 01 01 01 01 01"])(
    "what cannot begin a message is refused: %s",
    (hex) => {
      const reader = new FrameReader(measureBerFrame, 1000);
      reader.push(fromHex(hex));
      expect(() => reader.next()).toThrow(LdapConnectionError);
    },
  );

  test("SASL buffers have four octets of length (RFC 4422 section 3.7)", () => {
    const reader = new FrameReader(measureSaslFrame, 100);
    reader.push(fromHex("00 00 00"));
    expect(reader.next()).toBeUndefined();
    reader.push(fromHex("02 aa bb 00 00 00 00"));
    expect(readAll(reader)).toEqual([fromHex("00 00 00 02 aa bb"), fromHex("00 00 00 00")]);
    reader.push(fromHex("ff ff ff ff"));
    expect(() => reader.next()).toThrow(expect.objectContaining({ code: "LDAP_MESSAGE_TOO_BIG" }));
  });
});
