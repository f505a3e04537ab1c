import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LdapClient, type LdapConnectOptions } from "../src/index.ts";
import { type Slapd, startSlapd } from "./support/slapd.ts";

// Our client against OpenLDAP's server.

let slapd: Slapd;
const base = "dc=lab,dc=test";

beforeAll(async () => {
  slapd = await startSlapd();
  const client = await admin();
  await client.add(base, { objectClass: ["dcObject", "organization"], dc: "lab", o: "Lab" });
  await client.add(`ou=people,${base}`, { objectClass: "organizationalUnit", ou: "people" });
  const adds = Array.from({ length: 450 }, (_, i) =>
    client.add(`cn=p${i},ou=people,${base}`, { objectClass: "person", cn: `p${i}`, sn: `s${i % 7}` }),
  );
  await Promise.all(adds);
  client.close();
});

afterAll(async () => {
  await slapd?.stop();
});

async function connect(url: string, options: Partial<LdapConnectOptions> = {}): Promise<LdapClient> {
  return await LdapClient.connect({
    url,
    tls: { caFile: slapd.certificate.certFile },
    timeout: 60_000,
    ...options,
  });
}

async function admin(): Promise<LdapClient> {
  const client = await connect(slapd.secure);
  await client.bindSimple(`cn=admin,${base}`, "secret");
  return client;
}

describe("OpenLDAP's slapd", () => {
  test("binds over ldaps, StartTLS and ldapi; says who we are", async () => {
    for (const client of [
      await connect(slapd.secure),
      await connect(slapd.plain, { startTls: true }),
      await connect(slapd.local),
    ]) {
      await client.bindSimple(`cn=admin,${base}`, "secret");
      expect(await client.whoAmI()).toBe(`dn:cn=admin,${base}`);
      await expect(client.bindSimple(`cn=admin,${base}`, "wrong")).rejects.toMatchObject({
        resultName: "invalidCredentials",
        windows: undefined,
      });
      client.close();
    }
  });

  test("pages and sorts more entries than it gives at once", async () => {
    const client = await admin();
    const people = { base, filter: "(&(objectClass=person)(!(sn=s0)))", attributes: ["cn"] };
    const all = await client.search({ ...people, pageSize: 50 }).all();
    expect(new Set(all.map(({ dn }) => dn)).size).toBe(450 - 65);
    const first = await client
      .search({
        ...people,
        filter: "(cn=p1*)",
        sort: [{ attribute: "cn", descending: true, rule: "caseIgnoreOrderingMatch" }],
      })
      .all();
    const names = first.map((entry) => entry.text("cn") ?? "");
    expect(names).toEqual([...names].sort().reverse());
    await expect(client.search({ ...people, pageSize: false, sizeLimit: 10 }).all()).rejects.toMatchObject({
      resultName: "sizeLimitExceeded",
    });
    client.close();
  });

  test("many operations at once on one connection", async () => {
    const client = await admin();
    const reads = Array.from({ length: 300 }, (_, i) => client.read(`cn=p${i},ou=people,${base}`));
    expect((await Promise.all(reads)).map((entry) => entry?.text("cn"))).toEqual(
      reads.map((_, i) => `p${i}`),
    );
    client.close();
  });

  test("changes, with and without the assertion control (RFC 4528)", async () => {
    const client = await admin();
    const dn = `cn=Ünïcode\\, Jr.,ou=people,${base}`;
    await client.add(dn, { objectClass: "person", cn: "Ünïcode, Jr.", sn: "x" });
    await client.modify(dn, [{ operation: "add", type: "description", values: ["one", "two"] }]);
    await client.modify(dn, [
      { operation: "delete", type: "description", values: "one" },
      { operation: "replace", type: "sn", values: "y" },
    ]);
    const replace = [{ operation: "replace", type: "sn", values: "z" }] as const;
    await expect(client.modify(dn, replace, { assertion: "(sn=x)" })).rejects.toMatchObject({
      resultName: "assertionFailed",
    });
    await client.modify(dn, replace, { assertion: "(sn=y)" });
    expect(await client.compare(dn, "sn", "z")).toBe(true);
    await client.modifyDn(dn, { newRdn: "cn=plain" });
    expect((await client.read(`cn=plain,ou=people,${base}`))?.texts("description")).toEqual(["two"]);
    await client.delete(`cn=plain,ou=people,${base}`);
    await expect(client.delete(`cn=plain,ou=people,${base}`)).rejects.toMatchObject({
      resultName: "noSuchObject",
      matchedDn: `ou=people,${base}`,
    });
    client.close();
  });

  test("referrals are data, not followed", async () => {
    const client = await admin();
    const manage = { controls: [{ controlType: "2.16.840.1.113730.3.4.2", criticality: true }] };
    const dn = `cn=elsewhere,${base}`;
    const ref = "ldap://127.0.0.1:1/dc=other";
    await client.add(dn, { objectClass: ["referral", "extensibleObject"], cn: "elsewhere", ref }, manage);
    const results = client.search({ base, filter: "(cn=p1)" });
    expect(await results.all()).toHaveLength(1);
    expect(results.references).toEqual([`${ref}??sub`]);
    await expect(client.read(dn)).rejects.toMatchObject({
      resultName: "referral",
      referrals: [`${ref}??base`],
    });
    await client.delete(dn, manage);
    client.close();
  });

  test("a certificate for another name is refused", async () => {
    await expect(
      connect(slapd.secure, { tls: { ca: slapd.certificate.cert, serverName: "other.test" } }),
    ).rejects.toMatchObject({ code: "LDAP_TLS_FAILED" });
  });
});
