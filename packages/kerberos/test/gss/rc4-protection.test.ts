import { utf8 } from "@waybill/base";
import { describe, expect, test } from "vitest";
import { encTypesWithRc4 } from "../../src/crypto/index.ts";
import { GssFlags } from "../../src/gss/index.ts";
import { EncType } from "../../src/registry/index.ts";
import { establish, Service } from "./fixture.ts";

const failing = (code: string) => expect.objectContaining({ code });
const message = utf8("the message");
const { mutual, integrity, confidentiality, dceStyle } = GssFlags;
const etypes = encTypesWithRc4;

function pair(flags: number = mutual | integrity | confidentiality) {
  const service = new Service(EncType.rc4Hmac);
  return establish(
    service.initiator({ mechanism: "krb5", flags, etypes }),
    service.acceptor({ mechanism: "krb5", etypes }),
  );
}

describe("rc4-hmac is off unless named", () => {
  test("an initiator does not use such a ticket", () => {
    const service = new Service(EncType.rc4Hmac);
    expect(() => service.initiator().step()).toThrow(failing("GSS_ENCTYPE_UNSUPPORTED"));
  });

  test("an acceptor does not take such a session key", () => {
    const service = new Service(EncType.rc4Hmac);
    const { token } = service.initiator({ etypes }).step();
    expect(() => service.acceptor().step(token)).toThrow(failing("GSS_ENCTYPE_UNSUPPORTED"));
  });

  test("a ticket sealed with rc4-hmac whose session key is AES is the keytab's matter", () => {
    const service = new Service(EncType.rc4Hmac);
    const credential = service.ticket("alice@LAB.TEST", { etype: EncType.aes256CtsHmacSha1 });
    const { client, server } = establish(service.initiator({ credential }), service.acceptor());
    expect(server.unwrap(client.wrap(message)).message).toEqual(message);
  });
});

describe("RFC 4757 section 7: per-message tokens", () => {
  test("7.2 and 7.3: framing and algorithms", () => {
    const { client, server } = pair();
    const oid = "06092a864886f712010202";
    expect(Buffer.from(client.getMic(message)).toString("hex", 0, 21)).toBe(`6023${oid}01011100ffffffff`);
    const sealed = Buffer.from(client.wrap(message));
    expect(sealed.toString("hex", 0, 21)).toBe(`6037${oid}020111001000ffff`);
    expect(sealed.length).toBe(13 + 32 + message.length + 1);
    const signed = Buffer.from(server.wrap(message, false));
    expect(signed.toString("hex", 0, 21)).toBe(`6037${oid}02011100ffffffff`);
    expect(signed.includes(Buffer.from(message))).toBe(true);
  });

  test.each([0, 1, 100, 200, 70_000])("%i octets in every way", (length) => {
    for (const flags of [undefined, mutual | dceStyle, integrity]) {
      const { client, server } = pair(flags);
      const plain = new Uint8Array(length).fill(65);
      for (const confidential of [true, false]) {
        expect(server.unwrap(client.wrap(plain, confidential))).toEqual({ message: plain, confidential });
        expect(client.unwrap(server.wrap(plain, confidential))).toEqual({ message: plain, confidential });
        const { header, payload } = server.wrapWithHeader(plain, confidential);
        expect(payload.length).toBe(length + (flags === (mutual | dceStyle) ? 0 : 1));
        expect(client.unwrapWithHeader(header, payload, confidential)).toEqual(plain);
      }
      client.verifyMic(plain, server.getMic(plain));
    }
  });

  test("one altered bit anywhere is noticed; but sequence numbers of what is not sealed are not protected", () => {
    const { client, server } = pair();
    for (const confidential of [true, false]) {
      const token = client.wrap(message, confidential);
      for (let bit = 0; bit < token.length * 8; bit++) {
        const altered = new Uint8Array(token);
        altered[bit >> 3] = altered[bit >> 3]! ^ (1 << (bit & 7));
        // That bit makes the mechanism's identifier the one Windows 2000 wrote, which stands for the same.
        if (bit >> 3 === 7 && (bit & 7) === 2) continue;
        const inSequence = bit >> 3 >= 21 && bit >> 3 < 25;
        if (!confidential && inSequence) expect(server.unwrap(altered).message).toEqual(message);
        else expect(() => server.unwrap(altered)).toThrow(failing(expect.stringMatching(/^GSS_/)));
      }
    }
  });

  test("reflections, tokens of other contexts, tokens of the other kind", () => {
    const { client, server } = pair();
    const other = pair();
    expect(() => client.unwrap(client.wrap(message))).toThrow(failing("GSS_WRONG_DIRECTION"));
    expect(() => client.verifyMic(message, client.getMic(message))).toThrow(failing("GSS_WRONG_DIRECTION"));
    expect(() => server.unwrap(other.client.wrap(message))).toThrow(failing("GSS_BAD_MIC"));
    expect(() => server.verifyMic(utf8("another"), client.getMic(message))).toThrow(failing("GSS_BAD_MIC"));
    expect(() => server.unwrap(client.getMic(message))).toThrow(failing("GSS_DEFECTIVE_TOKEN"));
    expect(() => server.verifyMic(message, client.wrap(message))).toThrow(failing("GSS_DEFECTIVE_TOKEN"));
    expect(() => server.unwrap(new Uint8Array(15))).toThrow(failing("GSS_DEFECTIVE_TOKEN"));
  });

  test("replays and gaps are told as with AES", () => {
    const { client, server } = pair(mutual | GssFlags.replay | GssFlags.sequence);
    const tokens = [client.wrap(message), client.wrap(message), client.wrap(message)];
    server.unwrap(tokens[0]!);
    expect(() => server.unwrap(tokens[0]!)).toThrow(failing("GSS_DUPLICATE_TOKEN"));
    expect(() => server.unwrap(tokens[2]!)).toThrow(failing("GSS_OUT_OF_SEQUENCE"));
  });
});
