import { promises as dns } from "node:dns";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  configuredClient,
  dnsLocator,
  EncType,
  encTypesWithRc4,
  KerberosClient,
  loadKrb5Conf,
  NameType,
  NetworkTransport,
  openCredentialCache,
  type Principal,
  parsePrincipal,
  readKeytab,
  staticLocator,
  TicketFlags,
  tgtFromCache,
} from "../../src/index.ts";
import { run } from "../support/processes.ts";
import { s4uAccounts } from "../support/s4u-accounts.ts";
import { sambaComputer } from "../support/samba-accounts.ts";
import { SambaDomain } from "../support/samba-domain.ts";

let domain: SambaDomain;
let client: KerberosClient;
const principal = (name: string): Principal => parsePrincipal(name, { defaultRealm: "LAB.TEST" });
const password = (user: string): string => `Passw0rd.${user}`;

beforeAll(async () => {
  // One host like Samba makes them: it names no encryption types, and has no service name but its own.
  const bare = sambaComputer("lab.test", { name: "BARE", services: ["host"] });
  const nameless = { "msDS-SupportedEncryptionTypes": [] };
  domain = await SambaDomain.start({
    seed: [...s4uAccounts("lab.test"), ...bare, { op: "modify", name: "BARE$", attributes: nameless }],
  });
  client = domain.newClient();
});
afterAll(async () => {
  await domain?.stop();
});

describe("AS exchange (RFC 4120 3.1) with Samba AD", () => {
  test("password", async () => {
    const tgt = await client.login({ principal: principal("alice"), password: password("alice") });
    expect(tgt.client.components).toEqual(["alice"]);
    expect(tgt.server.components).toEqual(["krbtgt", "LAB.TEST"]);
    expect(tgt.flags & TicketFlags.preAuthent).not.toBe(0);
  });

  test.each([EncType.aes256CtsHmacSha1, EncType.aes128CtsHmacSha1])(
    "encryption type %i alone",
    async (etype) => {
      const request = { principal: principal("alice"), password: password("alice"), etypes: [etype] };
      const tgt = await client.login(request);
      expect(tgt.key.keytype).toBe(etype);
    },
  );

  test("rc4-hmac when it is asked for by name", async () => {
    const etypes = encTypesWithRc4.filter((etype) => etype === EncType.rc4Hmac);
    const tgt = await client.login({ principal: principal("alice"), password: password("alice"), etypes });
    expect(tgt.key.keytype).toBe(EncType.rc4Hmac);
  });

  test("keytab of a computer account", async () => {
    const keytab = await readKeytab(await domain.exportKeytab("KVM01$"));
    const tgt = await client.login({ principal: principal("KVM01$"), keytab });
    expect(tgt.client.components).toEqual(["KVM01$"]);
  });

  test("an enterprise name becomes the account's own name (RFC 6806)", async () => {
    const enterprise = parsePrincipal("alice@lab.test", {
      defaultRealm: "LAB.TEST",
      nameType: NameType.enterprise,
    });
    const tgt = await client.login({ principal: enterprise, password: password("alice") });
    expect(tgt.client.components).toEqual(["alice"]);
  });

  test("a client whose clock is an hour slow is corrected by the KDC's", async () => {
    const slow = new KerberosClient({
      transport: new NetworkTransport({ locator: staticLocator({ "LAB.TEST": { kdc: [domain.address] } }) }),
      clock: { now: () => Date.now() - 3_600_000 },
    });
    const tgt = await slow.login({ principal: principal("alice"), password: password("alice") });
    const ticket = await slow.getTicket({ tgt, server: principal("host/kvm01.lab.test") });
    expect(ticket.client.components).toEqual(["alice"]);
  });

  test("FAST armor with an encrypted challenge (RFC 6113)", async () => {
    const armor = await client.login({ principal: principal("KVM01$"), password: "Machine.Pw.KVM01" });
    const tgt = await client.login({ principal: principal("alice"), password: password("alice"), armor });
    expect(tgt.client.components).toEqual(["alice"]);
    const wrong = client.login({ principal: principal("alice"), password: "wrong", armor });
    await expect(wrong).rejects.toMatchObject({ code: "KDC_ERR_PREAUTH_FAILED" });
  });

  test.each([
    ["disab", "KDC_ERR_CLIENT_REVOKED", 0xc0000072],
    ["expd", "KDC_ERR_CLIENT_REVOKED", 0xc0000193],
    ["mustchg", "KDC_ERR_KEY_EXPIRED", 0xc0000224],
    ["nosuchuser", "KDC_ERR_C_PRINCIPAL_UNKNOWN", undefined],
  ])("%s is refused with %s and NTSTATUS %s", async (user, code, ntStatus) => {
    const refused = client.login({ principal: principal(user), password: password(user) });
    await expect(refused).rejects.toMatchObject({ code, ntStatus });
  });

  test("a member of Protected Users: not forwardable, four hours, and no RC4", async () => {
    const request = { principal: principal("prot"), password: password("prot") };
    const tgt = await client.login(request);
    expect(tgt.flags & TicketFlags.forwardable).toBe(0);
    expect(tgt.endTime - tgt.authTime).toBeLessThanOrEqual(4 * 3_600_000);
    const refused = client.login({ ...request, etypes: [EncType.rc4Hmac] });
    await expect(refused).rejects.toMatchObject({ code: "KDC_ERR_ETYPE_NOSUPP" });
    const proxiable = client.login({ ...request, proxiable: true });
    await expect(proxiable).rejects.toMatchObject({
      code: "KDC_ERR_POLICY",
      krbError: { eText: "Ticket may not be proxiable" },
    });
  });

  test("a wrong password is told with ranked causes", async () => {
    const refused = client.login({ principal: principal("alice"), password: "wrong" });
    await expect(refused).rejects.toMatchObject({
      code: "KDC_ERR_PREAUTH_FAILED",
      explanation: { causes: [{ cause: "The password is wrong." }, {}, {}] },
    });
  });
});

describe("finding the domain", () => {
  test("by the SRV records of its DNS (RFC 4120 7.2.3.2)", async () => {
    const resolver = new dns.Resolver();
    resolver.setServers([domain.address]);
    const found = new KerberosClient({
      transport: new NetworkTransport({ locator: dnsLocator({ resolver }) }),
    });
    const tgt = await found.login({ principal: principal("bob"), password: password("bob") });
    expect(tgt.client.components).toEqual(["bob"]);
  });

  test("by krb5.conf, with the ticket kinit left", async () => {
    const cache = `FILE:${join(domain.directory, "ccache")}`;
    const env = { KRB5_CONFIG: domain.krb5Conf };
    await run("kinit", ["-c", cache, "alice"], { env, input: `${password("alice")}\n` });
    const configured = configuredClient(loadKrb5Conf(domain.krb5Conf));
    const tgt = await tgtFromCache(openCredentialCache(cache));
    const ticket = await configured.getTicket({ tgt, server: principal("host/kvm01.lab.test") });
    expect(ticket.client.components).toEqual(["alice"]);
  });
});

describe("TGS exchange (RFC 4120 3.3) with Samba AD", () => {
  test("many at once do not disturb each other, and nothing looks like a replay", async () => {
    const tgt = await client.login({ principal: principal("alice"), password: password("alice") });
    const hosts = ["kvm01", "kvm02", "kvm03", "kvm04"];
    const asked = Array.from({ length: 40 }, (_, index) => `host/${hosts[index % 4]}.lab.test`);
    const get = (name: string) => client.getTicket({ tgt, server: principal(name) }, { fresh: true });
    const tickets = await Promise.all(asked.map(get));
    expect(tickets.map((ticket) => ticket.server.components.join("/"))).toEqual(asked);
  });

  test("over UDP with fall-over, and TCP alone", async () => {
    for (const prefix of ["", "tcp/"] as const) {
      const other = domain.newClient(prefix);
      const tgt = await other.login({ principal: principal("bob"), password: password("bob") });
      const ticket = await other.getTicket({ tgt, server: principal("cifs/kvm02.lab.test") });
      expect(ticket.server.components).toEqual(["cifs", "kvm02.lab.test"]);
    }
  });

  test("a cached ticket is given again to the same login only", async () => {
    const server = principal("cifs/kvm02.lab.test");
    const alice = await client.login({ principal: principal("alice"), password: password("alice") });
    const bob = await client.login({ principal: principal("bob"), password: password("bob") });
    const first = await client.getTicket({ tgt: alice, server });
    expect(await client.getTicket({ tgt: alice, server })).toBe(first);
    expect((await client.getTicket({ tgt: bob, server })).client.components).toEqual(["bob"]);
  });

  test("renewal gives the same ticket a new life", async () => {
    const request = { principal: principal("bob"), password: password("bob"), lifetime: 3_600_000 };
    const tgt = await client.login({ ...request, renewableLifetime: 86_400_000 });
    expect(tgt.flags & TicketFlags.renewable).not.toBe(0);
    const renewed = await client.renew(tgt);
    expect(renewed.endTime).toBeGreaterThan(Date.now());
    expect(renewed.client).toEqual(tgt.client);
    expect(renewed.authTime).toBe(tgt.authTime);
  });

  test("a forwarded ticket-granting ticket", async () => {
    const tgt = await client.login({ principal: principal("bob"), password: password("bob") });
    const forwarded = await client.forward({ tgt });
    expect(forwarded.flags & TicketFlags.forwarded).not.toBe(0);
  });

  test("an account that names no encryption types gets RC4 tickets, with AES session keys", async () => {
    const tgt = await client.login({ principal: principal("bob"), password: password("bob") });
    const ticket = await client.getTicket({ tgt, server: principal("host/bare.lab.test") });
    expect(ticket.ticket.encPart.etype).toBe(EncType.rc4Hmac);
    expect(ticket.key.keytype).toBe(EncType.aes256CtsHmacSha1);
    const named = await client.getTicket({ tgt, server: principal("host/kvm01.lab.test") });
    expect(named.ticket.encPart.etype).toBe(EncType.aes256CtsHmacSha1);
  });

  test("the name host/ stands for cifs/ and the like too", async () => {
    const tgt = await client.login({ principal: principal("bob"), password: password("bob") });
    const ticket = await client.getTicket({ tgt, server: principal("cifs/bare.lab.test") });
    expect(ticket.server.components).toEqual(["cifs", "bare.lab.test"]);
  });

  test("user-to-user: the ticket is made in the session key of the other's ticket", async () => {
    const alice = await client.login({ principal: principal("alice"), password: password("alice") });
    const host = await client.login({ principal: principal("KVM01$"), password: "Machine.Pw.KVM01" });
    const request = { tgt: alice, server: principal("KVM01$"), userToUser: host.ticket };
    const ticket = await client.getTicket(request);
    expect(ticket.ticket.encPart.etype).toBe(host.key.keytype);
  });

  test("an unknown service is told with causes", async () => {
    const tgt = await client.login({ principal: principal("bob"), password: password("bob") });
    const refused = client.getTicket({ tgt, server: principal("HTTP/nosuch.lab.test") });
    await expect(refused).rejects.toMatchObject({
      code: "KDC_ERR_S_PRINCIPAL_UNKNOWN",
      explanation: { causes: [{ cause: expect.stringContaining("HTTP/nosuch.lab.test") }, {}, {}] },
    });
  });
});

describe("password change (RFC 3244) with Samba AD", () => {
  test.each(["udp/", "tcp/"] as const)("own password over %s", async (prefix) => {
    const user = prefix === "udp/" ? "mustchg" : "sens";
    const fresh = `Fresh.Passw0rd.${user}`;
    const changer = domain.newClient(prefix);
    // Whoever must change the password may, however young it is.
    await domain.apply([{ op: "modify", name: user, attributes: { pwdLastSet: "0" } }]);
    await changer.changePassword({
      principal: principal(user),
      password: password(user),
      newPassword: fresh,
    });
    const tgt = await client.login({ principal: principal(user), password: fresh });
    expect(tgt.client.components).toEqual([user]);
  });

  test("an administrator sets another's password", async () => {
    const newPassword = "Given.Passw0rd.1";
    const request = { principal: principal("Administrator"), password: domain.administratorPassword };
    await client.changePassword({ ...request, target: principal("prot"), newPassword });
    const tgt = await client.login({ principal: principal("prot"), password: newPassword });
    expect(tgt.client.components).toEqual(["prot"]);
  });

  test("a password against the policy is refused with the policy's words", async () => {
    const request = { principal: principal("bob"), password: password("bob"), newPassword: "short" };
    await expect(client.changePassword(request)).rejects.toMatchObject({
      code: "PASSWORD_CHANGE_REFUSED",
      facts: { text: expect.stringMatching(/./) },
    });
  });
});
