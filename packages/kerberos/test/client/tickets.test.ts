import { VirtualClock } from "@waybill/base";
import { beforeEach, describe, expect, test } from "vitest";
import { type Credential, KerberosClient, parsePrincipal, samePrincipal } from "../../src/index.ts";
import { inMemory, TinyKdc } from "../support/tiny-kdc.ts";

const alice = parsePrincipal("alice@A.TEST");
const bob = parsePrincipal("bob@A.TEST");
let clock: VirtualClock;
let a: TinyKdc;
let b: TinyKdc;
let c: TinyKdc;
let client: KerberosClient;

beforeEach(() => {
  clock = new VirtualClock();
  [a, b, c] = ["A.TEST", "B.TEST", "C.TEST"].map((realm) => new TinyKdc(realm, clock)) as [
    TinyKdc,
    TinyKdc,
    TinyKdc,
  ];
  a.accounts.set("alice", "pw").set("bob", "pw").set("host/kvm01", "pw").set("cifs/kvm02", "pw");
  c.accounts.set("carol", "pw").set("HTTP/www", "pw");
  a.trusts.add("B.TEST");
  b.trusts.add("A.TEST").add("C.TEST");
  c.trusts.add("B.TEST");
  client = new KerberosClient({ transport: inMemory(a, b, c), clock });
});

const login = (name: string): Promise<Credential> =>
  client.login({ principal: parsePrincipal(`${name}@A.TEST`), password: "pw" });

describe("the ticket cache never gives another person's ticket", () => {
  const target = parsePrincipal("cifs/kvm02@A.TEST");

  test("keyed by login", async () => {
    const [first, second] = [await login("alice"), await login("alice")];
    const server = parsePrincipal("host/kvm01@A.TEST");
    const ticket = await client.getTicket({ tgt: first, server });
    expect(await client.getTicket({ tgt: first, server })).toBe(ticket);
    expect(await client.getTicket({ tgt: second, server })).not.toBe(ticket);
    expect(await client.getTicket({ tgt: first, server }, { fresh: true })).not.toBe(ticket);
  });

  test("keyed by the person acted for", async () => {
    const tgt = await login("host/kvm01");
    const forAlice = await client.s4u2self({ tgt, user: alice });
    const forBob = await client.s4u2self({ tgt, user: bob });
    expect(samePrincipal(forAlice.client, alice) && samePrincipal(forBob.client, bob)).toBe(true);
    expect(await client.s4u2self({ tgt, user: alice })).toBe(forAlice);
  });

  test("keyed by the evidence: the same person's other ticket is other evidence", async () => {
    const tgt = await login("host/kvm01");
    const asserted = await client.s4u2self({ tgt, user: alice });
    const own = await client.getTicket({ tgt: await login("alice"), server: tgt.client });
    const one = await client.s4u2proxy({ tgt, evidence: asserted, target });
    const two = await client.s4u2proxy({ tgt, evidence: own, target });
    expect(two).not.toBe(one);
    expect(await client.s4u2proxy({ tgt, evidence: own, target })).toBe(two);
  });

  test("keyed by encryption types, target and options", async () => {
    const tgt = await login("alice");
    const server = parsePrincipal("host/kvm01@A.TEST");
    const tickets = [
      await client.getTicket({ tgt, server }),
      await client.getTicket({ tgt, server, etypes: [18] }),
      await client.getTicket({ tgt, server, forwardable: false }),
      await client.getTicket({ tgt, server: target }),
    ];
    expect(new Set(tickets).size).toBe(4);
  });

  test("an expired ticket is asked for again", async () => {
    const tgt = await login("alice");
    const server = parsePrincipal("host/kvm01@A.TEST");
    const ticket = await client.getTicket({ tgt, server });
    clock.advance(ticket.endTime - clock.now() - 30_000);
    expect(await client.getTicket({ tgt, server })).not.toBe(ticket);
    clock.advance(60_000);
    await expect(client.getTicket({ tgt, server })).rejects.toMatchObject({ code: "TICKET_EXPIRED" });
  });
});

describe("other realms (RFC 4120 1.2, RFC 6806 8)", () => {
  const www = parsePrincipal("HTTP/www@C.TEST");

  test("through a realm between, as the administrator prescribes it", async () => {
    const path = (from: string, to: string) =>
      from === "A.TEST" && to === "C.TEST" ? ["B.TEST"] : undefined;
    client = new KerberosClient({ transport: inMemory(a, b, c), clock, path });
    const ticket = await client.getTicket({ tgt: await login("alice"), server: www });
    expect(ticket.server.realm).toBe("C.TEST");
    expect(ticket.client).toMatchObject(alice);
  });

  test("by the KDCs' referrals, when the realm is not known beforehand", async () => {
    a.referrals.set("HTTP/www", "B.TEST");
    b.referrals.set("HTTP/www", "C.TEST");
    const ticket = await client.getTicket({ tgt: await login("alice"), server: { ...www, realm: "" } });
    expect(ticket.server).toMatchObject({ realm: "C.TEST", components: ["HTTP", "www"] });
  });

  test("a circle of referrals ends in an error", async () => {
    a.referrals.set("HTTP/www", "B.TEST");
    b.referrals.set("HTTP/www", "A.TEST");
    const lost = client.getTicket({ tgt: await login("alice"), server: { ...www, realm: "" } });
    await expect(lost).rejects.toMatchObject({ code: "REFERRAL_LOOP" });
    expect(a.requests + b.requests).toBeLessThan(8);
  });

  test("no way is an error that names the realms", async () => {
    const nowhere = client.getTicket({ tgt: await login("alice"), server: www });
    await expect(nowhere).rejects.toMatchObject({ code: "NO_REALM_PATH", facts: { from: "A.TEST" } });
  });

  test("S4U2Self for a user of another realm goes there and comes back", async () => {
    b.accounts.set("dave", "pw");
    b.referrals.set("host/kvm01@A.TEST", "A.TEST");
    const user = parsePrincipal("dave@B.TEST");
    const ticket = await client.s4u2self({ tgt: await login("host/kvm01"), user });
    expect(ticket.client).toMatchObject({ realm: "B.TEST", components: ["dave"] });
    expect(ticket.server.realm).toBe("A.TEST");
  });

  test("S4U2Proxy to another realm hands the evidence on", async () => {
    b.accounts.set("cifs/far", "pw");
    a.referrals.set("cifs/far", "B.TEST");
    const tgt = await login("host/kvm01");
    const evidence = await client.s4u2self({ tgt, user: alice });
    const ticket = await client.s4u2proxy({ tgt, evidence, target: parsePrincipal("cifs/far@B.TEST") });
    expect(ticket.client).toMatchObject(alice);
    expect(ticket.server.realm).toBe("B.TEST");
  });
});

describe("S4U2Self (MS-SFU 2.2.2)", () => {
  test("a KDC that answers PA-S4U-X509-USER is held to its statement", async () => {
    const tgt = await login("host/kvm01");
    a.tamper = ({ rep }) => {
      rep.cname = { nameType: 1, nameString: ["bob"] };
    };
    await expect(client.s4u2self({ tgt, user: alice })).rejects.toMatchObject({ code: "KDC_REPLY_MODIFIED" });
  });

  test("a changed statement is noticed", async () => {
    const tgt = await login("host/kvm01");
    a.tamper = ({ rep }) => {
      const value = rep.padata?.[0]?.padataValue;
      if (value) value[value.length - 1] = (value[value.length - 1] ?? 0) ^ 1;
    };
    await expect(client.s4u2self({ tgt, user: alice })).rejects.toMatchObject({ code: "KDC_REPLY_MODIFIED" });
  });

  test("without an answer to it, sending it alone is an error; sending both is enough", async () => {
    a.knowsX509User = false;
    const tgt = await login("host/kvm01");
    const alone = client.s4u2self({ tgt, user: alice, padata: "x509" });
    await expect(alone).rejects.toMatchObject({ code: "S4U2SELF_NOT_SUPPORTED" });
    expect((await client.s4u2self({ tgt, user: alice })).client).toMatchObject(alice);
  });

  test("S4U2Proxy in another person's name than the evidence's is refused", async () => {
    const tgt = await login("host/kvm01");
    const evidence = await client.s4u2self({ tgt, user: alice });
    a.tamper = ({ rep }) => {
      rep.cname = { nameType: 1, nameString: ["bob"] };
    };
    const target = parsePrincipal("cifs/kvm02@A.TEST");
    await expect(client.s4u2proxy({ tgt, evidence, target })).rejects.toMatchObject({
      code: "KDC_REPLY_MODIFIED",
    });
  });
});

describe("logging in", () => {
  test("without anything to log in with", async () => {
    await expect(client.login({ principal: alice })).rejects.toMatchObject({
      code: "NO_USABLE_KEY",
      family: "caller",
    });
  });

  test("the newest key version of a keytab counts", async () => {
    const old = { principal: alice, kvno: 1, key: { keytype: 17, keyvalue: new Uint8Array(16) } };
    const { stringToKey } = await import("../../src/index.ts");
    const current = { principal: alice, kvno: 2, key: stringToKey(18, "pw", "A.TESTalice") };
    const tgt = await client.login({ principal: alice, keytab: { entries: [current, old] } });
    expect(tgt.client).toMatchObject(alice);
    const other = client.login({ principal: bob, keytab: { entries: [current] } });
    await expect(other).rejects.toMatchObject({ code: "NO_USABLE_KEY" });
  });

  test("the second time the KDC is not asked what it wants", async () => {
    await login("alice");
    const before = a.requests;
    await login("alice");
    expect(a.requests - before).toBe(1);
  });

  test("a password that has changed is tried once, not twice: failures lock accounts", async () => {
    await login("alice");
    a.accounts.set("alice", "changed");
    const proofs = a.failures;
    await expect(login("alice")).rejects.toMatchObject({ code: "KDC_ERR_PREAUTH_FAILED" });
    expect(a.failures - proofs).toBe(1);
    const changed = client.login({ principal: alice, password: "changed" });
    expect((await changed).client).toMatchObject(alice);
  });

  test("an account that was renamed has another salt, and logs in all the same", async () => {
    await login("alice");
    a.salts.set("alice", "another salt");
    expect((await login("alice")).client).toMatchObject(alice);
  });

  test("a stream of garbage in place of a KDC", async () => {
    const garbage = { realm: "A.TEST", handle: () => Uint8Array.of(0x6b, 0x03, 1, 2, 3) };
    const lost = new KerberosClient({ transport: inMemory(garbage), clock });
    const attempt = lost.login({ principal: alice, password: "pw" });
    await expect(attempt).rejects.toMatchObject({ code: "KDC_REPLY_MALFORMED" });
  });
});
