import { readFileSync } from "node:fs";
import { fromHex } from "@waybill/base";
import { EncType } from "../../src/registry/enc-type.ts";

interface Fixture {
  readonly origin: string;
  readonly tickets: Readonly<
    Record<string, { server: string; serverKey: string; krbtgtKey: string; encTicketPart: string }>
  >;
}

const fixture: Fixture = JSON.parse(
  readFileSync(new URL("fixtures/samba-ad-tickets.json", import.meta.url), "utf8"),
);

export const sambaTicketNames = Object.keys(fixture.tickets);

/** A ticket captured from Samba AD 4.17: decrypted part and both keys (aes256-cts-hmac-sha1-96). */
export function sambaTicket(name: string) {
  const ticket = fixture.tickets[name]!;
  const key = (hex: string) => ({ keytype: EncType.aes256CtsHmacSha1, keyvalue: fromHex(hex) });
  return {
    encTicketPart: fromHex(ticket.encTicketPart),
    serverKey: key(ticket.serverKey),
    kdcKey: key(ticket.krbtgtKey),
  };
}
