import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Credential,
  isForwardable,
  KerberosClient,
  type KerberosError,
  NetworkTransport,
  type Principal,
  parsePrincipal,
  readKeytab,
  readTicket,
  samePrincipal,
  staticLocator,
} from "../../src/index.ts";
import { MitRealm } from "../support/mit-realm.ts";
import { run } from "../support/processes.ts";

// MIT's krb5kdc over OpenLDAP, the only one of its databases that allows S4U2Proxy; and a second realm that trusts it.
let one: MitRealm;
let two: MitRealm;
let client: KerberosClient;
const principal = (name: string): Principal => parsePrincipal(name, { defaultRealm: "ONE.TEST" });
const [transition, kerberosOnly, plain] = [
  "host/kvm03.one.test",
  "host/kvm01.one.test",
  "host/kvm04.one.test",
];
const target = "cifs/kvm02.one.test";
const preauth = "+requires_preauth";

beforeAll(async () => {
  const trust = ["krbtgt/TWO.TEST@ONE.TEST", "krbtgt/ONE.TEST@TWO.TEST"].map((name) => ({
    name,
    password: "trust",
  }));
  one = await MitRealm.start({
    realm: "ONE.TEST",
    ldap: true,
    principals: [
      ...trust,
      { name: "alice", password: "alice-pw", attributes: preauth },
      { name: "sens", password: "sens-pw", attributes: `${preauth} -allow_forwardable` },
      { name: transition, attributes: `${preauth} +ok_to_auth_as_delegate` },
      { name: kerberosOnly, attributes: preauth },
      { name: plain, attributes: `${preauth} +ok_to_auth_as_delegate` },
      { name: target },
      { name: "cifs/other.one.test" },
    ],
  });
  await one.allowDelegation(transition, [target]);
  await one.allowDelegation(kerberosOnly, [target]);
  two = await MitRealm.start({
    realm: "TWO.TEST",
    principals: [...trust, { name: "bob", password: "bob-pw", attributes: preauth }],
  });
  const locator = staticLocator({ "ONE.TEST": { kdc: [one.address] }, "TWO.TEST": { kdc: [two.address] } });
  client = new KerberosClient({ transport: new NetworkTransport({ locator }) });
});
afterAll(async () => {
  await one?.stop();
  await two?.stop();
});

async function hostTgt(host: string): Promise<Credential> {
  const keytab = await readKeytab(await one.exportKeytab(host));
  return await client.login({ principal: principal(host), keytab });
}

async function proxy(host: string, evidence: Credential, to: string): Promise<string> {
  const attempt = client.s4u2proxy({ tgt: await hostTgt(host), evidence, target: principal(to) });
  return await attempt.then(
    (ticket) => (isForwardable(ticket) ? "forwardable" : "not forwardable"),
    (error: KerberosError) => error.code,
  );
}

const self = async (host: string, user: string): Promise<Credential> =>
  await client.s4u2self({ tgt: await hostTgt(host), user: principal(user) });

const ownTicket = async (host: string, user: string): Promise<Credential> => {
  const tgt = await client.login({ principal: principal(user), password: `${user}-pw` });
  return await client.getTicket({ tgt, server: principal(host) });
};

describe("S4U2Self and classic S4U2Proxy (MS-SFU 3.2.5) with MIT krb5kdc over LDAP", () => {
  test.each([
    ["any protocol", transition, "alice", true, target, "forwardable"],
    ["Kerberos only", kerberosOnly, "alice", false, target, "KDC_ERR_BADOPTION"],
    ["a person who may not be delegated", transition, "sens", false, target, "KDC_ERR_BADOPTION"],
    [
      "a service that is not in the list",
      transition,
      "alice",
      true,
      "cifs/other.one.test",
      "KDC_ERR_BADOPTION",
    ],
    ["no list", plain, "alice", true, target, "KDC_ERR_BADOPTION"],
    [
      "a service there is not",
      transition,
      "alice",
      true,
      "cifs/nosuch.one.test",
      "KDC_ERR_S_PRINCIPAL_UNKNOWN",
    ],
  ])(
    "%s: %s for %s, evidence forwardable: %s, to %s: %s",
    async (_case, host, user, forwardable, to, expected) => {
      const evidence = await self(host, user);
      expect(isForwardable(evidence)).toBe(forwardable);
      expect(await proxy(host, evidence, to)).toBe(expected);
    },
  );

  test.each([
    ["Kerberos only", kerberosOnly, "alice", target, "forwardable"],
    ["a service that is not in the list", kerberosOnly, "alice", "cifs/other.one.test", "KDC_ERR_BADOPTION"],
    ["no list", plain, "alice", target, "KDC_ERR_BADOPTION"],
    ["a person who may not be delegated", kerberosOnly, "sens", target, "KDC_ERR_BADOPTION"],
  ])("the person's own ticket, %s: %s for %s to %s: %s", async (_case, host, user, to, expected) => {
    expect(await proxy(host, await ownTicket(host, user), to)).toBe(expected);
  });

  test("a ticket made for another host is no evidence", async () => {
    const evidence = await ownTicket(plain, "alice");
    expect(await proxy(kerberosOnly, evidence, target)).toMatch(/^KRB_AP_ERR_|^KDC_ERR_/);
  });

  test("the target finds the person and who called in the person's name", async () => {
    const tgt = await hostTgt(transition);
    const evidence = await self(transition, "alice");
    const { ticket } = await client.s4u2proxy({ tgt, evidence, target: principal(target) });
    const opened = readTicket(ticket, await readKeytab(await one.exportKeytab(target)));
    expect(samePrincipal(opened.client, principal("alice"))).toBe(true);
    expect(opened.pac?.delegationInfo).toMatchObject({
      proxyTarget: target,
      transitedServices: [`${transition}@ONE.TEST`],
    });
  });

  test("resource-based delegation is not in this database: the refusal says what is known", async () => {
    const tgt = await hostTgt(plain);
    const evidence = await self(plain, "alice");
    const refused = client.s4u2proxy({ tgt, evidence, target: principal(target) });
    await expect(refused).rejects.toMatchObject({ explanation: { known: expect.any(Array) } });
  });
});

describe("across realms", () => {
  test("S4U2Self for a person of the other realm: MIT's databases know no referral back, for its client and ours alike", async () => {
    const tgt = await hostTgt(transition);
    const refused = client.s4u2self({ tgt, user: parsePrincipal("bob@TWO.TEST") });
    await expect(refused).rejects.toMatchObject({ code: "KDC_ERR_S_PRINCIPAL_UNKNOWN" });
    const keytab = await one.exportKeytab(transition);
    const conf = await readFile(join(one.directory, "krb5.conf"), "utf8");
    const both = join(one.directory, "both.conf");
    await writeFile(
      both,
      conf.replace("[realms]", `[realms]\n  TWO.TEST = {\n    kdc = ${two.address}\n  }`),
    );
    const env = { ...one.env, KRB5_CONFIG: both, KRB5CCNAME: join(one.directory, "cc") };
    await run("kinit", ["-k", "-t", keytab, transition], { env });
    await expect(run("kvno", ["-I", "bob@TWO.TEST", transition], { env })).rejects.toThrow(
      /Server .* not found in Kerberos database/,
    );
  });
});
