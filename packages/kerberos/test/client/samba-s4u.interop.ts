import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  allSids,
  type Credential,
  decodePac,
  decrypt,
  type EncryptionKey,
  EncTicketPart,
  encrypt,
  extractTicketPac,
  isForwardable,
  type KerberosClient,
  type KerberosError,
  type Keytab,
  KeyUsage,
  type Pac,
  PacType,
  type Principal,
  parsePrincipal,
  readKeytab,
  type S4u2SelfPadata,
  samePrincipal,
  TicketFlags,
} from "../../src/index.ts";
import { s4uAccounts } from "../support/s4u-accounts.ts";
import { AccountFlags, migrationService, quotedPassword, sambaComputer } from "../support/samba-accounts.ts";
import { SambaDomain } from "../support/samba-domain.ts";
import { otherClientsAgree } from "./samba-other-clients.ts";

// Samba 4.17 on Debian 12: what its KDC does was measured with MIT's libkrb5 and Impacket before this client existed.
let domain: SambaDomain;
let client: KerberosClient;
const keytabs = new Map<string, Keytab>();
const hosts = ["KVM01", "KVM02", "KVM03", "KVM04", "KVM05", "KVM06", "KVM07"];
const principal = (name: string): Principal => parsePrincipal(name, { defaultRealm: "LAB.TEST" });

beforeAll(async () => {
  domain = await SambaDomain.start({
    seed: [...s4uAccounts("lab.test"), ...sambaComputer("lab.test", { name: "KVM08" })],
  });
  client = domain.newClient();
  for (const host of hosts) keytabs.set(host, await readKeytab(await domain.exportKeytab(`${host}$`)));
});
afterAll(async () => {
  await domain?.stop();
});

async function hostTgt(host: string, forwardable = true): Promise<Credential> {
  const keytab = keytabs.get(host);
  return await client.login({ principal: principal(`${host}$`), keytab, forwardable });
}

async function self(host: string, user: string, padata: S4u2SelfPadata = "both"): Promise<Credential> {
  return await client.s4u2self({ tgt: await hostTgt(host), user: principal(user), padata }, { fresh: true });
}

async function ownTicket(host: string, user: string, forwardable = true): Promise<Credential> {
  const tgt = await client.login({ principal: principal(user), password: `Passw0rd.${user}`, forwardable });
  return await client.getTicket({ tgt, server: principal(`host/${host.toLowerCase()}.lab.test`) });
}

async function proxy(host: string, evidence: Credential, target: string): Promise<Credential> {
  return await client.s4u2proxy({ tgt: await hostTgt(host), evidence, target: principal(target) });
}

async function outcome(attempt: Promise<Credential>): Promise<string> {
  return await attempt.then(
    (ticket) => (isForwardable(ticket) ? "forwardable" : "not forwardable"),
    (error: KerberosError) => error.code,
  );
}

const toMigration = `${migrationService}/kvm02.lab.test`;
const bad = "KDC_ERR_BADOPTION";

describe("S4U2Self (MS-SFU 3.2.5.1)", () => {
  test.each([
    ["a1", "KVM03", "alice", "forwardable"],
    ["a2", "KVM01", "alice", "not forwardable"],
    ["a3", "KVM04", "alice", "not forwardable"],
    ["a4", "KVM05", "alice", "forwardable"],
    ["a5", "KVM03", "sens", "not forwardable"],
    ["a6", "KVM03", "prot", "forwardable"],
    ["g1", "KVM03", "nosuchuser", "KDC_ERR_C_PRINCIPAL_UNKNOWN"],
    ["h1", "KVM03", "disab", "KDC_ERR_POLICY"],
    ["j1", "KVM03", "mustchg", "forwardable"],
    ["j2", "KVM03", "expd", "KDC_ERR_NAME_EXP"],
  ])("%s: %s for %s is %s", async (_case, host, user, expected) => {
    expect(await outcome(self(host, user))).toBe(expected);
  });

  test("the ticket is in the user's name and for the service", async () => {
    const ticket = await self("KVM03", "alice");
    expect(samePrincipal(ticket.client, principal("alice"))).toBe(true);
    expect(ticket.server.components).toEqual(["KVM03$"]);
    expect(ticket.origin).toBe("S4U2Self");
  });

  test("PA-FOR-USER alone is enough for a KDC that knows no other", async () => {
    expect(await outcome(self("KVM03", "alice", "for-user"))).toBe("forwardable");
  });

  test("a KDC that ignores PA-S4U-X509-USER alone is noticed: the ticket would be the service's own", async () => {
    expect(await outcome(self("KVM03", "alice", "x509"))).toBe("S4U2SELF_NOT_SUPPORTED");
  });
});

describe("S4U2Self and S4U2Proxy (MS-SFU 3.2.5.2)", () => {
  test.each([
    ["b1", "KVM03", "alice", toMigration, "forwardable"],
    ["b1 short", "KVM03", "alice", `${migrationService}/KVM02`, "forwardable"],
    ["b1 case", "KVM03", "alice", "CIFS/KVM02.lab.TEST", "forwardable"],
    ["b2", "KVM01", "alice", toMigration, bad],
    ["b3", "KVM04", "alice", toMigration, bad],
    ["b4", "KVM05", "alice", toMigration, bad],
    ["d1", "KVM03", "sens", toMigration, bad],
    ["e1", "KVM03", "prot", toMigration, "forwardable"],
    ["f1", "KVM03", "alice", "WSMAN/kvm02.lab.test", bad],
    ["f3", "KVM03", "alice", "host/kvm02.lab.test", bad],
    ["f4", "KVM03", "alice", "cifs/kvm04.lab.test", bad],
    ["f5", "KVM03", "alice", "cifs/nosuch.lab.test", "KDC_ERR_S_PRINCIPAL_UNKNOWN"],
    ["f6", "KVM03", "alice", "KVM02$", bad],
    ["j3", "KVM03", "mustchg", toMigration, "KDC_ERR_KEY_EXPIRED"],
    ["r1", "KVM06", "alice", "cifs/kvm07.lab.test", bad],
  ])("%s: %s for %s to %s is %s", async (_case, host, user, target, expected) => {
    const evidence = await self(host, user);
    expect(await outcome(proxy(host, evidence, target))).toBe(expected);
  });
});

describe("S4U2Self refuses, and there is nothing to go on with", () => {
  test.each([
    ["g2", "nosuchuser", "KDC_ERR_C_PRINCIPAL_UNKNOWN"],
    ["h2", "disab", "KDC_ERR_POLICY"],
    ["j4", "expd", "KDC_ERR_NAME_EXP"],
  ])("%s: KVM03 for %s is %s", async (_case, user, expected) => {
    const attempt = self("KVM03", user).then((evidence) => proxy("KVM03", evidence, toMigration));
    expect(await outcome(attempt)).toBe(expected);
  });
});

describe("the PACs of a protocol transition", () => {
  const pacOf = ({ ticket }: Credential, host: string): Pac => {
    const { etype, cipher } = ticket.encPart;
    const key = keytabs.get(host)?.entries.find((entry) => entry.key.keytype === etype)?.key as EncryptionKey;
    return decodePac(extractTicketPac(decrypt(key, KeyUsage.ticket, cipher))!);
  };
  const types = (pac: Pac) => pac.buffers.map(({ type }) => type).sort((left, right) => left - right);
  const { logonInfo, serverChecksum, kdcChecksum, clientInfo, upnDnsInfo, ticketChecksum } = PacType;
  const usual = [logonInfo, serverChecksum, kdcChecksum, clientInfo, upnDnsInfo, ticketChecksum];

  test("S4U2Self's says that the service asserted the person; S4U2Proxy's adds through whom it went", async () => {
    const evidence = await self("KVM03", "alice");
    const own = pacOf(evidence, "KVM03");
    expect(types(own)).toEqual([...usual, PacType.fullChecksum]);
    const sids = allSids(own.logonInfo!).map(({ sid }) => sid);
    expect(sids).toContain("S-1-18-2");
    const onward = pacOf(await proxy("KVM03", evidence, toMigration), "KVM02");
    expect(types(onward)).toEqual(
      [...types(own), PacType.delegationInfo].sort((left, right) => left - right),
    );
    expect(onward.delegationInfo).toEqual({
      proxyTarget: toMigration.replaceAll(" ", "\\ "),
      transitedServices: ["KVM03$@LAB.TEST"],
    });
    expect(allSids(onward.logonInfo!).map(({ sid }) => sid)).toEqual(sids);
  });

  test("Samba's refusals of tickets say nothing but their number", async () => {
    const refused = proxy("KVM01", await self("KVM01", "alice"), toMigration);
    const { krbError, ntStatus } = await refused.then(
      () => expect.unreachable(),
      (error: KerberosError) => error,
    );
    expect([krbError?.eText, krbError?.eData, ntStatus]).toEqual([undefined, undefined, undefined]);
  });
});

describe("other clients", () => otherClientsAgree(() => domain));

describe("the hosts' own accounts", () => {
  const setFlags = (host: string, flags: number) =>
    domain.apply([{ op: "modify", name: `${host}$`, attributes: { userAccountControl: String(flags) } }]);
  const { workstation, disabled, trustedToAuthForDelegation } = AccountFlags;

  test("the delegating host is disabled: it cannot log in, and its old login is worth nothing", async () => {
    const usual = workstation | trustedToAuthForDelegation;
    const tgt = await hostTgt("KVM03");
    const evidence = await self("KVM03", "alice");
    await setFlags("KVM03", usual | disabled);
    try {
      expect(await outcome(hostTgt("KVM03"))).toBe("KDC_ERR_CLIENT_REVOKED");
      const again = client.s4u2self({ tgt, user: principal("alice") }, { fresh: true });
      expect(await outcome(again)).toBe("KDC_ERR_POLICY");
      const onward = client.s4u2proxy({ tgt, evidence, target: principal(toMigration) }, { fresh: true });
      expect(await outcome(onward)).toBe("KDC_ERR_POLICY");
    } finally {
      await setFlags("KVM03", usual);
    }
  });

  test("the target host is disabled: Samba makes the ticket all the same", async () => {
    await setFlags("KVM02", workstation | disabled);
    try {
      expect(await outcome(proxy("KVM03", await self("KVM03", "alice"), toMigration))).toBe("forwardable");
    } finally {
      await setFlags("KVM02", workstation);
    }
  });

  test("a keytab from before the host's password changed", async () => {
    await domain.apply([
      { op: "modify", name: "KVM07$", attributes: { unicodePwd: quotedPassword("Other.Machine.Pw.1") } },
    ]);
    const error = await hostTgt("KVM07").catch((refused: KerberosError) => refused);
    expect(error).toMatchObject({ code: "KDC_ERR_PREAUTH_FAILED" });
    expect((error as KerberosError).explanation?.causes.some(({ cause }) => /keytab/i.test(cause))).toBe(
      true,
    );
  });
});

describe("a service name with spaces needs Samba's own spelling, in both places", () => {
  const name = "Two Words/kvm02.lab.test";
  const escaped = name.replaceAll(" ", "\\ ");

  test.each([
    ["plain", "both", [name], [name, escaped], "KDC_ERR_S_PRINCIPAL_UNKNOWN"],
    ["both", "plain", [name, escaped], [name], bad],
    ["both", "escaped", [name, escaped], [escaped], "forwardable"],
    ["both", "both", [name, escaped], [name, escaped], "forwardable"],
  ])("registered %s, listed %s", async (_registered, _listed, registered, listed, expected) => {
    await domain.apply([
      { op: "modify", name: "KVM08$", attributes: { servicePrincipalName: registered } },
      { op: "modify", name: "KVM05$", attributes: { "msDS-AllowedToDelegateTo": listed } },
    ]);
    try {
      const evidence = await self("KVM05", "alice");
      const tgt = await hostTgt("KVM05");
      const attempt = client.s4u2proxy({ tgt, evidence, target: principal(name) }, { fresh: true });
      expect(await outcome(attempt)).toBe(expected);
      if (expected === "forwardable") expect((await attempt).server.components[0]).toBe("Two Words");
    } finally {
      await domain.apply([
        { op: "modify", name: "KVM05$", attributes: { "msDS-AllowedToDelegateTo": [] } },
        { op: "modify", name: "KVM08$", attributes: { servicePrincipalName: [] } },
      ]);
    }
  });
});

describe("S4U2Proxy with the user's own ticket", () => {
  test.each([
    ["c1", "KVM01", "alice", toMigration, "forwardable"],
    ["c2", "KVM04", "alice", toMigration, bad],
    ["c3", "KVM03", "alice", toMigration, "forwardable"],
    ["d2", "KVM01", "sens", toMigration, bad],
    ["e2", "KVM01", "prot", toMigration, bad],
    ["f2", "KVM01", "alice", "WSMAN/kvm02.lab.test", bad],
    ["r2", "KVM06", "alice", "cifs/kvm07.lab.test", bad],
  ])("%s: %s for %s to %s is %s", async (_case, host, user, target, expected) => {
    const evidence = await ownTicket(host, user);
    expect(await outcome(proxy(host, evidence, target))).toBe(expected);
  });

  test("c4: a ticket the user got without the forwardable flag", async () => {
    const evidence = await ownTicket("KVM01", "alice", false);
    expect(await outcome(proxy("KVM01", evidence, toMigration))).toBe(bad);
  });

  test("a ticket made for another host is no evidence", async () => {
    const evidence = await ownTicket("KVM02", "alice");
    expect(await outcome(proxy("KVM01", evidence, toMigration))).toBe("KRB_AP_ERR_BAD_INTEGRITY");
  });

  test("h3: the user is disabled after having got the ticket", async () => {
    const evidence = await ownTicket("KVM01", "bob");
    const setFlags = (flags: number) => [
      { op: "modify", name: "bob", attributes: { userAccountControl: String(flags) } } as const,
    ];
    await domain.apply(setFlags(0x10202));
    expect(await outcome(proxy("KVM01", evidence, toMigration))).toBe("KDC_ERR_POLICY");
    await domain.apply(setFlags(0x10200));
  });

  test("a service whose own ticket is not forwardable gets no forwardable evidence", async () => {
    const tgt = await hostTgt("KVM03", false);
    const evidence = await client.s4u2self({ tgt, user: principal("alice") });
    const attempt = client.s4u2proxy({ tgt, evidence, target: principal(toMigration) });
    const error = await attempt.catch((refused: KerberosError) => refused);
    expect(error).toMatchObject({ code: bad });
    expect((error as KerberosError).explanation?.causes[0]?.cause).toMatch(
      /KVM03\$@LAB.TEST logged in without/,
    );
  });
});

describe("forged evidence (CVE-2020-17049)", () => {
  test.each([
    ["i1", "KVM01", "alice"],
    ["i2", "KVM03", "sens"],
  ])("%s: %s sets the forwardable flag in %s's ticket itself", async (_case, host, user) => {
    const evidence = await self(host, user);
    const { etype, cipher, kvno } = evidence.ticket.encPart;
    const key = keytabs.get(host)?.entries.find((entry) => entry.key.keytype === etype)?.key as EncryptionKey;
    const part = EncTicketPart.decode(decrypt(key, KeyUsage.ticket, cipher));
    const forged = EncTicketPart.encode({ ...part, flags: (part.flags | TicketFlags.forwardable) >>> 0 });
    const encPart = { etype, kvno, cipher: encrypt(key, KeyUsage.ticket, forged) };
    const ticket = { ...evidence.ticket, encPart };
    const forgedEvidence = { ...evidence, ticket, flags: evidence.flags | TicketFlags.forwardable };
    const refused = proxy(host, forgedEvidence, toMigration);
    await expect(refused).rejects.toMatchObject({ code: "KRB_AP_ERR_BAD_INTEGRITY" });
  });
});

describe("explanations", () => {
  test("b2: S4U2Self under Kerberos only names the setting first and what to change", async () => {
    const evidence = await self("KVM01", "alice");
    const error: KerberosError = await proxy("KVM01", evidence, toMigration).then(
      () => expect.unreachable(),
      (refused) => refused,
    );
    expect(error.code).toBe(bad);
    expect(error.krbError?.errorCode).toBe(13);
    expect(error.explanation?.known).toContain("The evidence is not forwardable.");
    expect(error.explanation?.causes[0]?.cause).toMatch(/using Kerberos only/);
    expect(error.remedy).toMatch(/any authentication protocol/);
  });

  test("f2: good evidence points at the list instead", async () => {
    const evidence = await ownTicket("KVM01", "alice");
    const refused = proxy("KVM01", evidence, "WSMAN/kvm02.lab.test");
    await expect(refused).rejects.toMatchObject({
      explanation: { causes: [{ cause: expect.stringContaining("msDS-AllowedToDelegateTo") }, {}] },
    });
  });
});
