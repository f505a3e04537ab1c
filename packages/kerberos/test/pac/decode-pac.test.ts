import { fromHex, toHex } from "@waybill/base";
import { describe, expect, test } from "vitest";
import { encodeDelegationInfo } from "../../src/pac/delegation-info.ts";
import {
  allSids,
  buildPac,
  checkClientInfo,
  decodePac,
  encodePac,
  extractTicketPac,
  logonInfo,
  type Pac,
  userSid,
} from "../../src/pac/index.ts";
import { encodeLogonInfo } from "../../src/pac/logon-info-codec.ts";
import { encodeUpnDnsInfo } from "../../src/pac/upn-dns-info.ts";
import { PacType } from "../../src/registry/pac-type.ts";
import { windows2003 } from "./fixtures/windows-2003-pac.ts";
import { sambaTicket, sambaTicketNames } from "./samba-tickets.ts";

const domain = "S-1-5-21-2635902561-2234631783-2258656545";
const pacOf = (name: string): Pac => decodePac(extractTicketPac(sambaTicket(name).encTicketPart)!);

describe("MS-PAC buffers of a Samba AD ticket", () => {
  test("2.5 KERB_VALIDATION_INFO: account, groups, how the identity came about", () => {
    const info = pacOf("service ticket").logonInfo!;
    expect(info).toMatchObject({
      effectiveName: "alice",
      fullName: "",
      userId: 1103,
      primaryGroupId: 513,
      logonServer: "DC1",
      logonDomainName: "LAB",
      logonDomainId: domain,
      userFlags: 0x20,
      userAccountControl: 0x210,
      logonTime: undefined,
      logoffTime: Number.POSITIVE_INFINITY,
      extraSids: [{ sid: "S-1-18-1", attributes: 7 }],
      resourceGroups: [],
    });
    expect(new Date(info.passwordLastSet!).toISOString()).toBe("2026-11-22T17:00:12.905Z");
    expect(info.groups).toEqual([513, 1117, 1118].map((rid) => ({ rid, attributes: 7 })));
    expect(userSid(info)).toBe(`${domain}-1103`);
    expect(allSids(info).map(({ sid }) => sid)).toEqual([
      `${domain}-1103`,
      `${domain}-513`,
      `${domain}-1117`,
      `${domain}-1118`,
      "S-1-18-1",
    ]);
  });

  test("protocol transition is told apart: S-1-18-2", () => {
    expect(pacOf("S4U2Self").logonInfo!.extraSids).toEqual([{ sid: "S-1-18-2", attributes: 7 }]);
  });

  test("2.7 PAC_CLIENT_INFO names the client and the authtime", () => {
    const info = pacOf("service ticket").clientInfo!;
    expect(info).toEqual({ name: "alice", authTime: Date.UTC(2026, 10, 22, 17, 1, 16) });
    checkClientInfo(info, "alice", info.authTime);
    expect(() => checkClientInfo(info, "bob", info.authTime)).toThrow(/alice's, the ticket is bob's/);
    expect(() => checkClientInfo(info, "alice", info.authTime + 1000)).toThrow(/authentication time/);
    expect(() => checkClientInfo(undefined, "alice", 0)).toThrow(
      expect.objectContaining({ code: "PAC_CLIENT_MISMATCH" }),
    );
  });

  test("2.9 S4U_DELEGATION_INFO names target and delegating service", () => {
    expect(pacOf("S4U2Proxy").delegationInfo).toEqual({
      proxyTarget: "cifs/kvm02.lab.test",
      transitedServices: ["KVM03$@LAB.TEST"],
    });
    expect(pacOf("service ticket").delegationInfo).toBeUndefined();
  });

  test("2.10 UPN_DNS_INFO with account name and SID", () => {
    expect(pacOf("service ticket").upnDnsInfo).toEqual({
      upn: "alice@lab.test",
      dnsDomainName: "LAB.TEST",
      flags: 2,
      samName: "alice",
      sid: `${domain}-1103`,
    });
  });

  test("2.14 attributes and 2.15 requestor of a ticket-granting ticket", () => {
    const pac = pacOf("ticket-granting ticket");
    expect(pac.attributes).toBe(2);
    expect(pac.requestor).toBe(`${domain}-1103`);
  });

  test.each(sambaTicketNames)("%s: every buffer this package writes comes out as Samba wrote it", (name) => {
    const pac = pacOf(name);
    expect(toHex(encodePac(pac))).toBe(toHex(pac.bytes!));
    const again = buildPac({
      logonInfo: pac.logonInfo,
      clientInfo: pac.clientInfo,
      delegationInfo: pac.delegationInfo,
      upnDnsInfo: pac.upnDnsInfo,
      attributes: pac.attributes,
      requestor: pac.requestor,
    });
    for (const { type, data } of again.buffers) {
      const samba = pac.buffer(type)!;
      if (type === PacType.logonInfo) {
        // File times are kept to the millisecond; the three password times (offset 24 after the headers) lose the rest.
        expect(toHex(data.subarray(68))).toBe(toHex(samba.subarray(68)));
        expect(data.length).toBe(samba.length);
      } else expect(toHex(data), `type ${type}`).toBe(toHex(samba));
    }
    expect(again.logonInfo).toEqual(pac.logonInfo);
  });
});

test("a Windows Server 2003 PAC is read and written back", () => {
  const pac = decodePac(fromHex(windows2003.pac));
  const info = pac.logonInfo!;
  expect(info).toMatchObject({
    effectiveName: "W2003FINAL$",
    logonCount: 101,
    userId: 1005,
    primaryGroupId: 516,
    logonServer: "W2003FINAL",
    logonDomainName: "WIN2K3THINK",
    userAccountControl: 0x2100,
    extraSids: [{ sid: "S-1-5-9", attributes: 7 }],
  });
  checkClientInfo(pac.clientInfo, windows2003.name, windows2003.authTime);
  const again = encodeLogonInfo(info);
  expect(toHex(again.subarray(68))).toBe(toHex(pac.buffer(1)!.subarray(68)));
});

describe("what is written is read back", () => {
  const full = logonInfo({
    effectiveName: "älïce😀",
    userId: 0xfffffffe,
    logonDomainId: domain,
    logonDomainName: "LAB",
    logonServer: "DC1",
    fullName: "A",
    passwordLastSet: 1_700_000_000_123,
    groups: [{ rid: 513, attributes: 7 }],
    extraSids: [
      { sid: "S-1-18-1", attributes: 7 },
      { sid: "S-1-5-21-1-2-3-4", attributes: 0x20000007 },
    ],
    resourceGroupDomain: "S-1-5-21-9-9-9",
    resourceGroups: [{ rid: 7, attributes: 0x20000007 }],
  });

  test("logon info with resource groups", () => {
    const pac = decodePac(encodePac(buildPac({ logonInfo: full })));
    expect(pac.logonInfo).toEqual({ ...full, resourceGroupDomain: "S-1-5-21-9-9-9" });
    expect(full.userFlags).toBe(0x220);
    expect(allSids(full).map(({ sid }) => sid)).toContain("S-1-5-21-9-9-9-7");
  });

  test("logon info larger than any buffer kept ready", () => {
    const groups = Array.from({ length: 5000 }, (_, rid) => ({ rid, attributes: 7 }));
    const large = { ...full, groups };
    expect(decodePac(encodePac(buildPac({ logonInfo: large }))).logonInfo).toEqual(large);
  });

  test("unknown and opaque buffers survive, signatures do not, replaced parts keep their place", () => {
    const opaque = new Uint8Array([1, 2, 3]);
    const first = buildPac({
      logonInfo: full,
      credentials: opaque,
      clientClaims: [],
      deviceInfo: opaque,
      clientInfo: { name: "alice", authTime: 1_700_000_000_000 },
    });
    const unknown = decodePac(encodePac(first)).with({});
    const pac = decodePac(
      encodePac(Object.assign(unknown, { buffers: [...unknown.buffers, { type: 4711, data: opaque }] })),
    );
    const changed = pac.with({
      delegationInfo: { proxyTarget: "cifs/a", transitedServices: ["a@B", "c@D"] },
      clientInfo: { name: "bob", authTime: 0 },
      deviceInfo: undefined,
    });
    const read = decodePac(encodePac(changed));
    expect(read.buffers.map(({ type }) => type)).toEqual([1, 2, 10, 13, 4711, 11]);
    expect(read.buffer(4711)).toEqual(opaque);
    expect(read.credentials).toEqual(opaque);
    expect(read.clientClaims).toEqual([]);
    expect(read.clientInfo!.name).toBe("bob");
    expect(read.delegationInfo!.transitedServices).toEqual(["a@B", "c@D"]);
  });

  test("2.10 without account name and SID", () => {
    const info = { upn: "a@b", dnsDomainName: "B", flags: 1 };
    expect(buildPac({ upnDnsInfo: info }).upnDnsInfo).toEqual(info);
    expect(encodeUpnDnsInfo({ ...info, flags: 3 })[8]).toBe(1);
  });

  test("values that do not fit are the caller's mistake", () => {
    const code = (name: string) => expect.objectContaining({ code: name, family: "caller" });
    expect(() => encodeDelegationInfo({ proxyTarget: "x".repeat(40_000), transitedServices: [] })).toThrow(
      code("PAC_INVALID_VALUE"),
    );
    expect(() => buildPac({ requestor: "S-2" })).toThrow(code("PAC_INVALID_SID"));
    expect(() => encodeLogonInfo({ ...full, userSessionKey: new Uint8Array(3) })).toThrow(
      code("PAC_INVALID_VALUE"),
    );
  });
});
