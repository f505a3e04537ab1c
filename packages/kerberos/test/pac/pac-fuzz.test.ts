import { fromHex, fromUtf8, utf8, WaybillError } from "@waybill/base";
import { expect, test } from "vitest";
import {
  decodePac,
  extractTicketPac,
  formatSid,
  type Pac,
  parseSid,
  replaceTicketPac,
  splitSid,
  verifyPac,
} from "../../src/pac/index.ts";
import { storm, stormTimeout } from "../support/storm.ts";
import { windows2003 } from "./fixtures/windows-2003-pac.ts";
import { sambaTicket, sambaTicketNames } from "./samba-tickets.ts";

const tickets = sambaTicketNames.map((name) => sambaTicket(name).encTicketPart);
const pacs = [fromHex(windows2003.pac), ...tickets.map((ticket) => extractTicketPac(ticket)!)];

function readAll(pac: Pac): void {
  for (const read of [
    () => pac.logonInfo,
    () => pac.clientInfo,
    () => pac.delegationInfo,
    () => pac.upnDnsInfo,
    () => pac.attributes,
    () => pac.requestor,
  ]) {
    read();
  }
}

test(
  "mutated PACs give typed errors in bounded time",
  () => storm(pacs, (bytes) => readAll(decodePac(bytes))),
  stormTimeout,
);

test(
  "mutated ticket parts give typed errors in bounded time",
  () => {
    storm(tickets, (bytes) => {
      if (extractTicketPac(bytes) !== undefined) replaceTicketPac(bytes);
    });
  },
  stormTimeout,
);

test(
  "mutated PACs at the check of their signatures",
  () => {
    const { encTicketPart, serverKey, kdcKey } = sambaTicket("S4U2Proxy");
    const blank = replaceTicketPac(encTicketPart);
    storm([extractTicketPac(encTicketPart)!], (bytes) =>
      verifyPac(bytes, { serverKey, kdcKey, encTicketPart: blank, requireFullSignature: true }),
    );
  },
  stormTimeout,
);

test(
  "mutated SIDs, as octets and as text",
  () => {
    const sid = "S-1-5-21-3623811015-3361044348-30300820-1013";
    storm([parseSid(sid)], formatSid);
    storm([utf8(sid)], (bytes) => splitSid(formatSid(parseSid(fromUtf8(bytes)))));
  },
  stormTimeout,
);

test("counts that promise more than there is are refused before anything is allocated", () => {
  const pac = decodePac(pacs[1]!);
  const info = new Uint8Array(pac.buffer(1)!);
  // GroupCount and the array's own conformance say 4 billion.
  for (let at = 20; at + 4 <= info.length; at += 4) {
    const hostile = new Uint8Array(info);
    hostile.set([0xff, 0xff, 0xff, 0xff], at);
    const start = performance.now();
    try {
      readAll(decodePac(replaceBuffer(pacs[1]!, pac, hostile)));
    } catch (error) {
      expect(error).toBeInstanceOf(WaybillError);
    }
    expect(performance.now() - start).toBeLessThan(2000);
  }
});

function replaceBuffer(bytes: Uint8Array, pac: Pac, info: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy.set(info, pac.buffer(1)!.byteOffset - bytes.byteOffset);
  return copy;
}
