import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Credential,
  isForwardable,
  KerberosClient,
  NetworkTransport,
  type Principal,
  parsePrincipal,
  readKeytab,
  samePrincipal,
  staticLocator,
} from "../../src/index.ts";
import { HeimdalRealm } from "../support/heimdal-realm.ts";

let realm: HeimdalRealm;
let client: KerberosClient;
const principal = (name: string): Principal => parsePrincipal(name, { defaultRealm: "HEIMDAL.TEST" });
const target = "cifs/kvm02.heimdal.test";

beforeAll(async () => {
  realm = await HeimdalRealm.start({
    principals: [
      { name: "alice", password: "alice-pw", attributes: "requires-pre-auth" },
      { name: "open", password: "open-pw" },
      {
        name: "host/kvm01.heimdal.test",
        attributes: "trusted-for-delegation",
        delegateTo: [`${target}@HEIMDAL.TEST`],
      },
      { name: "host/kvm03.heimdal.test" },
      { name: target },
    ],
  });
  const locator = staticLocator({ "HEIMDAL.TEST": { kdc: [realm.address] } });
  client = new KerberosClient({ transport: new NetworkTransport({ locator }) });
});
afterAll(async () => {
  await realm?.stop();
});

async function hostTgt(host: string): Promise<Credential> {
  const name = `host/${host}.heimdal.test`;
  return await client.login({
    principal: principal(name),
    keytab: await readKeytab(await realm.exportKeytab(name)),
  });
}

const loginAlice = () => client.login({ principal: principal("alice"), password: "alice-pw" });

describe("Heimdal 7 kdc", () => {
  test.each([
    ["alice", "alice-pw"],
    ["open", "open-pw"],
  ])("%s: password", async (user, password) => {
    const tgt = await client.login({ principal: principal(user), password });
    expect(tgt.client.components).toEqual([user]);
  });

  test.each([17, 18, 19, 20])("encryption type %i alone", async (etype) => {
    const tgt = await client.login({ principal: principal("alice"), password: "alice-pw", etypes: [etype] });
    expect(tgt.key.keytype).toBe(etype);
  });

  test("keytab and service ticket", async () => {
    const ticket = await client.getTicket({ tgt: await hostTgt("kvm01"), server: principal(target) });
    expect(ticket.client.components).toEqual(["host", "kvm01.heimdal.test"]);
  });

  test("FAST armor", async () => {
    const armor = await hostTgt("kvm01");
    const tgt = await client.login({ principal: principal("alice"), password: "alice-pw", armor });
    expect(tgt.client.components).toEqual(["alice"]);
  });

  test("wrong password and unknown names", async () => {
    const wrong = client.login({ principal: principal("alice"), password: "wrong" });
    await expect(wrong).rejects.toMatchObject({ code: "KDC_ERR_PREAUTH_FAILED" });
    const unknown = client.login({ principal: principal("nobody"), password: "x" });
    await expect(unknown).rejects.toMatchObject({ code: "KDC_ERR_C_PRINCIPAL_UNKNOWN" });
    const service = client.getTicket({ tgt: await loginAlice(), server: principal("HTTP/nosuch") });
    await expect(service).rejects.toMatchObject({ code: "KDC_ERR_S_PRINCIPAL_UNKNOWN" });
  });

  test("S4U2Self, forwardable for a service trusted for delegation only", async () => {
    const trusted = await client.s4u2self({ tgt: await hostTgt("kvm01"), user: principal("alice") });
    expect(samePrincipal(trusted.client, principal("alice"))).toBe(true);
    expect(isForwardable(trusted)).toBe(true);
    const other = await client.s4u2self({ tgt: await hostTgt("kvm03"), user: principal("alice") });
    expect(isForwardable(other)).toBe(false);
  });

  test("S4U2Proxy with a ticket of S4U2Self", async () => {
    const tgt = await hostTgt("kvm01");
    const evidence = await client.s4u2self({ tgt, user: principal("alice") });
    const ticket = await client.s4u2proxy({ tgt, evidence, target: principal(target) });
    expect(samePrincipal(ticket.client, principal("alice"))).toBe(true);
    expect(ticket.server.components).toEqual(target.split("/"));
  });

  // This KDC signs only the tickets of S4U2Self; it refuses all other evidence ("not signed with PAC nor SignedPath").
  test("S4U2Proxy with the user's own ticket is more than this KDC can do", async () => {
    const tgt = await hostTgt("kvm01");
    const evidence = await client.getTicket({ tgt: await loginAlice(), server: tgt.client });
    const refused = client.s4u2proxy({ tgt, evidence, target: principal(target) });
    await expect(refused).rejects.toMatchObject({ code: "KDC_ERR_BADOPTION" });
  });

  test("S4U2Proxy of a service without a list is refused and explained", async () => {
    const tgt = await hostTgt("kvm03");
    const evidence = await client.getTicket({ tgt: await loginAlice(), server: tgt.client });
    const refused = client.s4u2proxy({ tgt, evidence, target: principal(target) });
    await expect(refused).rejects.toMatchObject({
      code: "KDC_ERR_BADOPTION",
      explanation: { causes: [{ cause: expect.stringContaining("msDS-AllowedToDelegateTo") }, {}] },
    });
  });

  test("password change over kpasswdd (RFC 3244)", async () => {
    const request = { principal: principal("open"), password: "open-pw", newPassword: "Other.Passw0rd" };
    await client.changePassword(request);
    const tgt = await client.login({ principal: principal("open"), password: "Other.Passw0rd" });
    expect(tgt.client.components).toEqual(["open"]);
  });
});
