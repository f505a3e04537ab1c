import { fromHex, toHex } from "@waybill/base";
import { describe, expect, test } from "vitest";
import { randomKey } from "../../src/crypto/index.ts";
import { AuthorizationData, EncTicketPart } from "../../src/messages/index.ts";
import {
  buildPac,
  decodePac,
  extractTicketPac,
  pacAuthorizationData,
  replaceTicketPac,
  signPac,
  signTicketPac,
  verifyFullSignature,
  verifyKdcSignature,
  verifyPac,
  verifyServerSignature,
  verifyTicketSignature,
} from "../../src/pac/index.ts";
import { EncType } from "../../src/registry/enc-type.ts";
import { PacType } from "../../src/registry/pac-type.ts";
import { windows2003 } from "./fixtures/windows-2003-pac.ts";
import { sambaTicket, sambaTicketNames } from "./samba-tickets.ts";

const failing = (code: string) => expect.objectContaining({ code });

describe("MS-PAC 2.8 signatures made by Samba AD", () => {
  test.each(sambaTicketNames)("%s verifies", (name) => {
    const { encTicketPart, serverKey, kdcKey } = sambaTicket(name);
    const service = name !== "ticket-granting ticket";
    const pac = verifyPac(extractTicketPac(encTicketPart)!, {
      serverKey,
      kdcKey,
      encTicketPart: service ? replaceTicketPac(encTicketPart) : undefined,
      requireFullSignature: service,
    });
    expect(pac.logonInfo!.effectiveName).toBe("alice");
  });

  test.each(sambaTicketNames)("%s: signing the same buffers gives the same ticket", (name) => {
    const { encTicketPart, serverKey, kdcKey } = sambaTicket(name);
    const pac = decodePac(extractTicketPac(encTicketPart)!);
    const service = name !== "ticket-granting ticket";
    const made = signTicketPac(replaceTicketPac(encTicketPart), pac, { serverKey, kdcKey, service });
    expect(toHex(made)).toBe(toHex(encTicketPart));
  });

  test("the blank ticket part is what re-encoding the decoded ticket gives", () => {
    const { encTicketPart } = sambaTicket("S4U2Proxy");
    const part = EncTicketPart.decode(encTicketPart);
    const blank = EncTicketPart.encode({ ...part, authorizationData: [pacAuthorizationData()] });
    expect(toHex(replaceTicketPac(encTicketPart))).toBe(toHex(blank));
  });
});

test("an rc4-hmac PAC of Windows Server 2003 verifies and is signed the same", () => {
  const key = (hex: string) => ({ keytype: EncType.rc4Hmac, keyvalue: fromHex(hex) });
  const keys = { serverKey: key(windows2003.memberKey), kdcKey: key(windows2003.kdcKey) };
  const pac = verifyPac(fromHex(windows2003.pac), keys);
  expect(toHex(signPac(pac, keys))).toBe(toHex(fromHex(windows2003.pac)));
});

describe("each signature fails by its own name", () => {
  const { encTicketPart, serverKey, kdcKey } = sambaTicket("S4U2Proxy");
  const bytes = extractTicketPac(encTicketPart)!;
  const other = randomKey(EncType.aes256CtsHmacSha1);
  const blank = replaceTicketPac(encTicketPart);

  test("wrong keys", () => {
    const pac = decodePac(bytes);
    expect(() => verifyServerSignature(pac, other)).toThrow(failing("PAC_SERVER_SIGNATURE_INVALID"));
    expect(() => verifyKdcSignature(pac, other)).toThrow(failing("PAC_KDC_SIGNATURE_INVALID"));
    expect(() => verifyTicketSignature(pac, other, blank)).toThrow(failing("PAC_TICKET_SIGNATURE_INVALID"));
    expect(() => verifyFullSignature(pac, other)).toThrow(failing("PAC_FULL_SIGNATURE_INVALID"));
    const short = randomKey(EncType.aes128CtsHmacSha256);
    expect(() => verifyServerSignature(pac, short)).toThrow(failing("PAC_SERVER_SIGNATURE_INVALID"));
  });

  test("one altered bit anywhere in the PAC", () => {
    for (let at = 0; at < bytes.length; at += 5) {
      const altered = new Uint8Array(bytes);
      altered[at] = altered[at]! ^ 0x10;
      expect(() => verifyPac(altered, { serverKey, kdcKey, encTicketPart: blank }), `at ${at}`).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^PAC_/) }),
      );
    }
  });

  test("the Bronze Bit: one altered flag of the ticket", () => {
    const part = EncTicketPart.decode(encTicketPart);
    const forged = EncTicketPart.encode({ ...part, flags: (part.flags ^ 0x40000000) >>> 0 });
    expect(() => verifyPac(bytes, { serverKey, kdcKey, encTicketPart: replaceTicketPac(forged) })).toThrow(
      failing("PAC_TICKET_SIGNATURE_INVALID"),
    );
  });

  test("a service that re-signs an altered PAC with its own key is found out", () => {
    const altered = decodePac(bytes).with({ requestor: "S-1-5-18" });
    const forged = decodePac(signPac(altered, { serverKey, kdcKey: serverKey, encTicketPart: blank }));
    verifyServerSignature(forged, serverKey);
    expect(() => verifyKdcSignature(forged, kdcKey)).toThrow(failing("PAC_KDC_SIGNATURE_INVALID"));
    expect(() => verifyFullSignature(forged, kdcKey)).toThrow(failing("PAC_FULL_SIGNATURE_INVALID"));
  });

  test("absent signatures", () => {
    const unsigned = buildPac({ requestor: "S-1-5-18" });
    expect(() => verifyPac(unsigned, { serverKey })).toThrow(failing("PAC_SIGNATURE_MISSING"));
    const tgt = decodePac(signPac(unsigned, { serverKey, kdcKey }));
    verifyPac(tgt, { serverKey, kdcKey });
    expect(() => verifyPac(tgt, { serverKey, kdcKey, requireFullSignature: true })).toThrow(
      failing("PAC_SIGNATURE_MISSING"),
    );
    expect(() => verifyPac(tgt, { kdcKey, encTicketPart: blank })).toThrow(failing("PAC_SIGNATURE_MISSING"));
  });

  test("unkeyed checksum types never sign", () => {
    const forged = new Uint8Array(bytes);
    const at = decodePac(forged).buffer(PacType.serverChecksum)!.byteOffset - forged.byteOffset;
    forged.set([7, 0, 0, 0], at);
    expect(() => verifyPac(forged, { serverKey })).toThrow(failing("PAC_SIGNATURE_TYPE_REFUSED"));
  });
});

describe("signing with every key type", () => {
  const part = EncTicketPart.decode(sambaTicket("service ticket").encTicketPart);
  const template = EncTicketPart.encode({
    ...part,
    authorizationData: [pacAuthorizationData(), { adType: 99, adData: new Uint8Array(300) }],
  });
  const pac = buildPac({
    clientInfo: { name: "a", authTime: 1e12 },
    upnDnsInfo: { upn: "a", dnsDomainName: "b", flags: 1 },
  });
  test.each([17, 18, 19, 20, 23])("etype %i", (etype) => {
    const serverKey = randomKey(etype);
    const kdcKey = randomKey(EncType.aes256CtsHmacSha384);
    const ticket = signTicketPac(template, pac, { serverKey, kdcKey, service: true });
    const read = EncTicketPart.decode(ticket);
    expect(read.authorizationData!.length).toBe(2);
    expect(AuthorizationData.decode(read.authorizationData![0]!.adData)[0]!.adType).toBe(128);
    verifyPac(extractTicketPac(ticket)!, {
      serverKey,
      kdcKey,
      encTicketPart: replaceTicketPac(ticket),
      requireFullSignature: true,
    });
    expect(toHex(replaceTicketPac(ticket))).toBe(toHex(template));
  });
});

test("a ticket without a PAC, and bytes that are no ticket", () => {
  const part = EncTicketPart.decode(sambaTicket("service ticket").encTicketPart);
  const bare = EncTicketPart.encode({ ...part, authorizationData: undefined });
  expect(extractTicketPac(bare)).toBeUndefined();
  expect(() => replaceTicketPac(bare)).toThrow(failing("PAC_NOT_IN_TICKET"));
  expect(() => extractTicketPac(new Uint8Array([0x63, 0x84, 1, 2]))).toThrow(failing("PAC_NOT_IN_TICKET"));
});
