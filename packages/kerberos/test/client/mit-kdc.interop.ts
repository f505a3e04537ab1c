import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  isForwardable,
  KerberosClient,
  NetworkTransport,
  type Principal,
  parsePrincipal,
  readKeytab,
  type S4u2SelfPadata,
  samePrincipal,
  staticLocator,
  TicketFlags,
} from "../../src/index.ts";
import { MitRealm } from "../support/mit-realm.ts";

let one: MitRealm;
let two: MitRealm;
let client: KerberosClient;
const principal = (name: string): Principal => parsePrincipal(name, { defaultRealm: "ONE.TEST" });
const preauth = "+requires_preauth";

beforeAll(async () => {
  const trust = ["krbtgt/TWO.TEST@ONE.TEST", "krbtgt/ONE.TEST@TWO.TEST"].map((name) => ({
    name,
    password: "trust",
  }));
  one = await MitRealm.start({
    realm: "ONE.TEST",
    kadmind: true,
    principals: [
      ...trust,
      { name: "alice", password: "alice-pw", attributes: preauth },
      { name: "open", password: "open-pw" },
      { name: "sha2", password: "sha2-pw", attributes: preauth, enctypes: "aes256-sha2,aes128-sha2" },
      { name: "sha2-128", password: "sha2-pw", attributes: preauth, enctypes: "aes128-sha2" },
      { name: "host/kvm01.one.test", attributes: `${preauth} +ok_to_auth_as_delegate` },
      { name: "host/kvm02.one.test", attributes: preauth },
      { name: "HTTP/rc4.one.test", password: "rc4", enctypes: "rc4-hmac" },
    ],
  });
  await one.kadmin('setstr krbtgt/ONE.TEST session_enctypes "aes256-cts aes128-cts aes256-sha2 aes128-sha2"');
  two = await MitRealm.start({
    realm: "TWO.TEST",
    principals: [
      ...trust,
      { name: "HTTP/www.two.test" },
      { name: "bob", password: "bob-pw", attributes: preauth },
    ],
  });
  client = newClient("");
});
afterAll(async () => {
  await one?.stop();
  await two?.stop();
});

function newClient(prefix: "" | "udp/" | "tcp/", etypes?: readonly number[]): KerberosClient {
  const locator = staticLocator({
    "ONE.TEST": { kdc: [`${prefix}${one.address}`], kpasswd: [`${prefix}${one.address}`] },
    "TWO.TEST": { kdc: [`${prefix}${two.address}`] },
  });
  return new KerberosClient({ transport: new NetworkTransport({ locator }), etypes });
}

const loginAlice = (from = client) => from.login({ principal: principal("alice"), password: "alice-pw" });

describe("AS exchange with MIT krb5kdc", () => {
  test.each([
    ["alice", "alice-pw"],
    ["sha2", "sha2-pw"],
    ["sha2-128", "sha2-pw"],
    ["open", "open-pw"],
  ])("%s: password, with the key type the KDC names", async (user, password) => {
    const tgt = await client.login({ principal: principal(user), password });
    expect(tgt.client.components).toEqual([user]);
  });

  test.each([17, 18, 19, 20])("session key of type %i", async (etype) => {
    const user = etype < 19 ? "alice" : "sha2";
    const tgt = await client.login({ principal: principal(user), password: `${user}-pw`, etypes: [etype] });
    const self = await client.getTicket({ tgt, server: principal("host/kvm01.one.test") });
    expect(self.client.components).toEqual([user]);
    expect(tgt.key.keytype).toBe(etype);
  });

  test("keytab", async () => {
    const keytab = await readKeytab(await one.exportKeytab("host/kvm01.one.test"));
    const tgt = await client.login({ principal: principal("host/kvm01.one.test"), keytab });
    expect(tgt.client.components).toEqual(["host", "kvm01.one.test"]);
  });

  test.each(["udp/", "tcp/"] as const)("over %s alone", async (prefix) => {
    const tgt = await loginAlice(newClient(prefix));
    expect(tgt.flags & TicketFlags.initial).not.toBe(0);
  });

  test("FAST armor with an encrypted challenge (RFC 6113)", async () => {
    const armor = await client.login({ principal: principal("open"), password: "open-pw" });
    const tgt = await client.login({ principal: principal("alice"), password: "alice-pw", armor });
    expect(tgt.client.components).toEqual(["alice"]);
    const refused = client.login({ principal: principal("alice"), password: "wrong", armor });
    await expect(refused).rejects.toMatchObject({ code: "KDC_ERR_PREAUTH_FAILED" });
  });

  test("renewal", async () => {
    const request = { principal: principal("alice"), password: "alice-pw", lifetime: 600_000 };
    const tgt = await client.login({ ...request, renewableLifetime: 3_600_000 });
    const renewed = await client.renew(tgt);
    expect(renewed.endTime).toBeGreaterThanOrEqual(tgt.endTime);
  });
});

describe("TGS exchange with MIT krb5kdc", () => {
  test("service ticket", async () => {
    const ticket = await client.getTicket({
      tgt: await loginAlice(),
      server: principal("host/kvm01.one.test"),
    });
    expect(ticket.client.components).toEqual(["alice"]);
  });

  test("a service of another realm, by its own realm's name", async () => {
    const server = parsePrincipal("HTTP/www.two.test@TWO.TEST");
    const ticket = await client.getTicket({ tgt: await loginAlice(), server });
    expect(ticket.server).toMatchObject({ realm: "TWO.TEST", components: ["HTTP", "www.two.test"] });
    expect(ticket.client.realm).toBe("ONE.TEST");
  });

  test("a realm without a trust is told as such", async () => {
    const server = parsePrincipal("HTTP/www.three.test@THREE.TEST");
    const refused = client.getTicket({ tgt: await loginAlice(), server });
    await expect(refused).rejects.toMatchObject({ code: "NO_REALM_PATH" });
  });

  test("user-to-user", async () => {
    const alice = await loginAlice();
    const open = await client.login({ principal: principal("open"), password: "open-pw" });
    const ticket = await client.getTicket({ tgt: alice, server: open.client, userToUser: open.ticket });
    expect(ticket.server.components).toEqual(["open"]);
  });
});

describe("S4U with MIT krb5kdc", () => {
  const login = async (host: string, etypes?: readonly number[]) => {
    const name = `host/${host}.one.test`;
    const keytab = await readKeytab(await one.exportKeytab(name));
    return await client.login({ principal: principal(name), keytab, etypes });
  };

  test.each(["both", "x509", "for-user"] satisfies S4u2SelfPadata[])(
    "S4U2Self with padata %s",
    async (padata) => {
      const tgt = await login("kvm01");
      const ticket = await client.s4u2self({ tgt, user: principal("alice"), padata });
      expect(samePrincipal(ticket.client, principal("alice"))).toBe(true);
      expect(isForwardable(ticket)).toBe(true);
    },
  );

  test("this KDC's database knows no S4U2Proxy", async () => {
    const tgt = await login("kvm01");
    const evidence = await client.s4u2self({ tgt, user: principal("alice") });
    const refused = client.s4u2proxy({ tgt, evidence, target: principal("host/kvm02.one.test") });
    await expect(refused).rejects.toMatchObject({
      code: "KDC_ERR_BADOPTION",
      explanation: { known: expect.any(Array) },
    });
  });
});

describe("password change with MIT kadmind (RFC 3244)", () => {
  test.each(["udp/", "tcp/"] as const)("over %s", async (prefix) => {
    const changer = newClient(prefix);
    const request = { principal: principal("open"), newPassword: "open-pw" };
    await changer.changePassword({ ...request, password: "open-pw", newPassword: "other-pw" });
    await changer.changePassword({ ...request, password: "other-pw" });
    const tgt = await client.login({ principal: principal("open"), password: "open-pw" });
    expect(tgt.client.components).toEqual(["open"]);
  });

  test("nobody sets another's password without the right to", async () => {
    const request = { principal: principal("alice"), password: "alice-pw", target: principal("open") };
    await expect(client.changePassword({ ...request, newPassword: "x" })).rejects.toMatchObject({
      code: "PASSWORD_CHANGE_REFUSED",
    });
  });
});
