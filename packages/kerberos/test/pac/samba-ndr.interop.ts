import { fileURLToPath } from "node:url";
import { toHex } from "@waybill/base";
import { expect, test } from "vitest";
import { randomKey } from "../../src/crypto/index.ts";
import { buildPac, decodePac, logonInfo, type Pac, signPac } from "../../src/pac/index.ts";
import { run } from "../support/processes.ts";

const script = fileURLToPath(new URL("read-pac.py", import.meta.url));
const domain = "S-1-5-21-2635902561-2234631783-2258656545";
const keys = { serverKey: randomKey(18), kdcKey: randomKey(18) };

async function sambaReads(pac: Pac) {
  const bytes = signPac(pac, { ...keys, encTicketPart: new Uint8Array(100) });
  const said = JSON.parse(await run("/usr/bin/python3", [script], { input: toHex(bytes) })) as Record<
    string,
    unknown
  >;
  return { said, bytes };
}

/** FILETIME of a moment, the way Samba reports it. */
const fileTime = (time: number): number => (time + 11_644_473_600_000) * 10_000;

test("Samba reads every part of a PAC with extra SIDs and resource groups, and packs it to the same octets", async () => {
  const pac = buildPac({
    logonInfo: logonInfo({
      effectiveName: "alice",
      fullName: "Alice Müller",
      userId: 1103,
      logonServer: "DC1",
      logonDomainName: "LAB",
      logonDomainId: domain,
      passwordLastSet: Date.UTC(2026, 10, 22),
      userAccountControl: 0x210,
      groups: [
        { rid: 513, attributes: 7 },
        { rid: 1117, attributes: 7 },
        { rid: 519, attributes: 7 },
      ],
      extraSids: [
        { sid: "S-1-18-1", attributes: 7 },
        { sid: "S-1-5-21-1-2-3-1000", attributes: 0x20000007 },
      ],
      resourceGroupDomain: "S-1-5-21-7-8-9",
      resourceGroups: [{ rid: 1200, attributes: 0x20000007 }],
    }),
    clientInfo: { name: "alice", authTime: Date.UTC(2026, 10, 22, 17) },
    delegationInfo: {
      proxyTarget: "Microsoft Virtual System Migration Service/kvm02.lab.test",
      transitedServices: ["KVM01$@LAB.TEST", "KVM03$@LAB.TEST"],
    },
    upnDnsInfo: {
      upn: "alice@lab.test",
      dnsDomainName: "LAB.TEST",
      flags: 0,
      samName: "alice",
      sid: `${domain}-1103`,
    },
    attributes: 2,
    requestor: `${domain}-1103`,
  });
  const { said } = await sambaReads(pac);
  expect(said).toMatchObject({
    types: [1, 11, 10, 12, 17, 18, 6, 7, 16, 19],
    logon: {
      account: "alice",
      fullName: "Alice Müller",
      server: "DC1",
      domain: "LAB",
      rid: 1103,
      primary: 513,
      groups: [
        [513, 7],
        [1117, 7],
        [519, 7],
      ],
      flags: 0x220,
      domainSid: domain,
      control: 0x210,
      passwordSet: fileTime(Date.UTC(2026, 10, 22)),
      extra: [
        ["S-1-18-1", 7],
        ["S-1-5-21-1-2-3-1000", 0x20000007],
      ],
      resourceDomain: "S-1-5-21-7-8-9",
      resources: [[1200, 0x20000007]],
    },
    client: ["alice", fileTime(Date.UTC(2026, 10, 22, 17))],
    delegation: [
      "Microsoft Virtual System Migration Service/kvm02.lab.test",
      ["KVM01$@LAB.TEST", "KVM03$@LAB.TEST"],
    ],
    upn: ["alice@lab.test", "LAB.TEST", 2, "alice", `${domain}-1103`],
    attributes: 2,
    requestor: `${domain}-1103`,
  });
  // Samba's packer puts the SID of UPN_DNS_INFO elsewhere than Samba's KDC does.
  const comparable = await sambaReads(pac.with({ upnDnsInfo: undefined }));
  expect(comparable.said.again).toBe(toHex(comparable.bytes));
});

test("Samba reads the smallest PAC and one with hundreds of groups", async () => {
  const seed = { effectiveName: "a", userId: 1, logonDomainId: domain, logonDomainName: "L" };
  const smallest = await sambaReads(buildPac({ logonInfo: logonInfo(seed) }));
  expect(smallest.said.again).toBe(toHex(smallest.bytes));
  const groups = Array.from({ length: 700 }, (_, index) => ({ rid: 2000 + index, attributes: 7 }));
  const extraSids = Array.from({ length: 300 }, (_, index) => ({
    sid: `S-1-5-21-4-5-6-${index}`,
    attributes: 7,
  }));
  const largest = await sambaReads(buildPac({ logonInfo: logonInfo({ ...seed, groups, extraSids }) }));
  expect(largest.said.again).toBe(toHex(largest.bytes));
  expect(decodePac(largest.bytes).logonInfo!.extraSids).toEqual(extraSids);
});
