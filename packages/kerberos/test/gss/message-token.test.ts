import { utf8 } from "@waybill/base";
import { describe, expect, test } from "vitest";
import { GssFlags } from "../../src/gss/index.ts";
import { EncType } from "../../src/registry/index.ts";
import { establish, Service } from "./fixture.ts";

const failing = (code: string) => expect.objectContaining({ code });
const message = utf8("the message");
const pair = (flags?: number, etype?: number) => {
  const service = new Service(etype);
  return establish(service.initiator({ flags }), service.acceptor());
};
const { mutual, replay, sequence, integrity, confidentiality } = GssFlags;

describe("RFC 4121 4.2: per-message tokens", () => {
  test("4.2.6.2: header fields of a sealed token", () => {
    const { client, server } = pair();
    const sealed = Buffer.from(client.wrap(message));
    expect(sealed.toString("hex", 0, 4)).toBe("050406ff");
    expect(sealed.readUInt32BE(4)).toBe(0);
    const signed = Buffer.from(server.wrap(message, false));
    expect(signed.toString("hex", 0, 4)).toBe("050405ff");
    expect(signed.readUInt16BE(4)).toBe(12);
    expect(signed.includes(Buffer.from(message))).toBe(true);
    expect(Buffer.from(client.getMic(message)).toString("hex", 0, 8)).toBe("040404ffffffffff");
  });

  test("4.2.5: a receiver takes any rotation", () => {
    const { client, server } = pair(mutual);
    for (const confidential of [true, false]) {
      for (const rotation of [0, 1, 5, 12, 28, 54, 55, 1000, 65535]) {
        const token = Buffer.from(client.wrap(message, confidential));
        const body = token.subarray(16);
        const by = rotation % body.length;
        const rotated = Buffer.concat([
          token.subarray(0, 16),
          body.subarray(-by || body.length),
          body.subarray(0, -by || 0),
        ]);
        const whole = by === 0 ? Buffer.from(token) : rotated;
        whole.writeUInt16BE(rotation, 6);
        expect(server.unwrap(whole)).toEqual({ message, confidential });
      }
    }
  });

  test.each([
    [EncType.aes256CtsHmacSha1, 60, 28],
    [EncType.aes128CtsHmacSha256, 64, 32],
    [EncType.aes256CtsHmacSha384, 72, 40],
  ])(
    "MS-KILE 3.4.5.4.1: etype %i, header of %i octets, RRC %i, payload as long as the message",
    (etype, size, rrc) => {
      const { client, server } = pair(undefined, etype);
      for (const length of [0, 1, 16, 33, 70_000]) {
        const plain = new Uint8Array(length).fill(65);
        const { header, payload } = client.wrapWithHeader(plain);
        expect(header.length).toBe(size);
        expect(payload.length).toBe(length);
        expect(Buffer.from(header).readUInt32BE(4)).toBe(rrc);
        expect(server.unwrapWithHeader(header, payload)).toEqual(plain);
        const signed = server.wrapWithHeader(plain, false);
        expect(signed.payload).toEqual(plain);
        expect(client.unwrapWithHeader(signed.header, signed.payload, false)).toEqual(plain);
      }
      const { header, payload } = client.wrapWithHeader(message, false);
      expect(() => server.unwrapWithHeader(header, payload)).toThrow(failing("GSS_BAD_MIC"));
    },
  );

  test("one altered bit anywhere is noticed", () => {
    const { client, server } = pair(mutual);
    for (const token of [client.wrap(message), client.wrap(message, false)]) {
      for (let bit = 0; bit < token.length * 8; bit++) {
        const altered = new Uint8Array(token);
        altered[bit >> 3] = altered[bit >> 3]! ^ (1 << (bit & 7));
        let got: unknown;
        try {
          got = server.unwrap(altered);
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^GSS_/) });
          continue;
        }
        // Only the rotation count may change without effect, where the body happens to be as long.
        expect(got, `bit ${bit}`).toBeUndefined();
      }
    }
    const mic = client.getMic(message);
    for (let at = 0; at < mic.length; at++) {
      const altered = new Uint8Array(mic);
      altered[at] = altered[at]! ^ 0x40;
      expect(() => server.verifyMic(message, altered)).toThrow(
        expect.objectContaining({ code: expect.any(String) }),
      );
    }
    expect(() => server.verifyMic(utf8("another"), mic)).toThrow(failing("GSS_BAD_MIC"));
  });

  test("reflections, tokens of other contexts, tokens of the other kind", () => {
    const { client, server } = pair();
    const other = pair();
    expect(() => client.unwrap(client.wrap(message))).toThrow(failing("GSS_WRONG_DIRECTION"));
    expect(() => server.unwrap(other.client.wrap(message))).toThrow(failing("GSS_BAD_MIC"));
    expect(() => server.unwrap(client.getMic(message))).toThrow(failing("GSS_DEFECTIVE_TOKEN"));
    expect(() => server.verifyMic(message, client.wrap(message))).toThrow(failing("GSS_DEFECTIVE_TOKEN"));
    expect(() => server.unwrap(new Uint8Array(15))).toThrow(failing("GSS_DEFECTIVE_TOKEN"));
  });
});

describe("RFC 2743 1.2.3: replay and sequence", () => {
  test("replay detection alone: any order, each once, nothing older than the window", () => {
    const { client, server } = pair(mutual | replay | integrity | confidentiality);
    const tokens = Array.from({ length: 100 }, () => client.wrap(message));
    server.unwrap(tokens[1]!);
    server.unwrap(tokens[0]!);
    server.unwrap(tokens[99]!);
    server.unwrap(tokens[50]!);
    expect(() => server.unwrap(tokens[50]!)).toThrow(failing("GSS_DUPLICATE_TOKEN"));
    expect(() => server.unwrap(tokens[99]!)).toThrow(failing("GSS_DUPLICATE_TOKEN"));
    expect(() => server.unwrap(tokens[2]!)).toThrow(failing("GSS_OLD_TOKEN"));
  });

  test("sequence detection: gaps and latecomers", () => {
    const { client, server } = pair(mutual | replay | sequence);
    const tokens = Array.from({ length: 4 }, () => client.wrap(message));
    server.unwrap(tokens[0]!);
    expect(() => server.unwrap(tokens[2]!)).toThrow(failing("GSS_OUT_OF_SEQUENCE"));
    expect(() => server.unwrap(tokens[1]!)).toThrow(failing("GSS_OUT_OF_SEQUENCE"));
    expect(() => server.unwrap(tokens[1]!)).toThrow(failing("GSS_DUPLICATE_TOKEN"));
    server.unwrap(tokens[3]!);
  });

  test("neither: everything that is authentic passes", () => {
    const { client, server } = pair(mutual);
    const token = client.wrap(message);
    server.unwrap(token);
    server.unwrap(token);
  });
});

describe("RFC 4402: pseudo-random function", () => {
  test("any length, a prefix of the longer, another for another input", () => {
    const { client, server } = pair();
    const long = client.prf(message, 1000);
    expect(client.prf(message, 17)).toEqual(long.subarray(0, 17));
    expect(server.prf(message, 1000)).toEqual(long);
    expect(server.prf(utf8("other"), 1000)).not.toEqual(long);
    expect(client.prf(message, 0).length).toBe(0);
    expect(() => client.prf(message, -1)).toThrow(failing("GSS_INVALID_VALUE"));
    expect(() => client.prf(message, 1e9)).toThrow(failing("GSS_INVALID_VALUE"));
  });
});
