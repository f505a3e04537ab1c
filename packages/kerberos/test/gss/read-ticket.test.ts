import { describe, expect, it } from "vitest";
import { decrypt, encrypt, randomKey } from "../../src/crypto/index.ts";
import { readTicket, userSid } from "../../src/index.ts";
import { EncType, KeyUsage } from "../../src/registry/index.ts";
import { domainSid, Service } from "./fixture.ts";

describe("readTicket: a ticket one holds, with the service's own keys", () => {
  const service = new Service();

  it("gives the client and the PAC", () => {
    const { client, pac } = readTicket(service.ticket().ticket, service.keytab);
    expect(client).toMatchObject({ realm: "LAB.TEST", components: ["alice"] });
    const info = pac?.logonInfo;
    expect(info && userSid(info)).toBe(`${domainSid}-1103`);
  });

  it("gives no PAC where the ticket has none", () => {
    const { ticket } = service.ticket("alice@LAB.TEST", { withPac: false });
    expect(readTicket(ticket, service.keytab).pac).toBeUndefined();
  });

  it("refuses a PAC that was made for another key", () => {
    const { ticket } = service.ticket();
    const other = new Service();
    const foreign = other.ticket().ticket.encPart.cipher;
    const stolen = decrypt(other.key, KeyUsage.ticket, foreign);
    const sealed = { ...ticket.encPart, cipher: encrypt(service.key, KeyUsage.ticket, stolen) };
    expect(() => readTicket({ ...ticket, encPart: sealed }, service.keytab)).toThrow(
      expect.objectContaining({ code: "PAC_SERVER_SIGNATURE_INVALID" }),
    );
  });

  it("says that no key of the keytab opens it", () => {
    const keytab = {
      entries: [{ principal: service.principal, kvno: 3, key: randomKey(EncType.aes256CtsHmacSha1) }],
    };
    expect(() => readTicket(service.ticket().ticket, keytab)).toThrow(
      expect.objectContaining({ code: "KRB_AP_ERR_MODIFIED" }),
    );
  });
});
