import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SambaDomain } from "../../kerberos/test/support/samba-domain.ts";
import { discoverDomainControllers, type kerberosBind, LdapClient } from "../src/index.ts";
import { kerberosLogin, startDomain } from "./support/domain.ts";

// Our client against Samba's Active Directory.

let domain: SambaDomain;
let asAdministrator: (mechanism: "GSS-SPNEGO" | "GSSAPI") => ReturnType<typeof kerberosBind>;
const base = "DC=lab,DC=test";

beforeAll(async () => {
  domain = await startDomain();
  asAdministrator = await kerberosLogin(domain, "Administrator", domain.administratorPassword);
});

afterAll(async () => {
  await domain?.stop();
});

async function connect(scheme: "ldap" | "ldaps" = "ldap", startTls = false): Promise<LdapClient> {
  return await LdapClient.connect({
    url: `${scheme}://${domain.address}`,
    tls: { caFile: domain.caFile },
    startTls,
    timeout: 60_000,
  });
}

async function administrator(): Promise<LdapClient> {
  const client = await connect();
  await client.bindSasl(asAdministrator("GSS-SPNEGO"));
  return client;
}

describe("binds", () => {
  test.each([
    ["GSS-SPNEGO", "confidential"],
    ["GSS-SPNEGO", "integrity"],
    ["GSSAPI", "confidential"],
    ["GSSAPI", "integrity"],
  ] as const)("%s with protection %s", async (mechanism, protection) => {
    const client = await connect();
    await client.bindSasl({ ...asAdministrator(mechanism), protection });
    const entries = await client
      .search({ base, filter: "(objectClass=computer)", attributes: ["cn"], pageSize: 2 })
      .all();
    expect(entries.map((entry) => entry.text("cn"))).toEqual(
      expect.arrayContaining(["KVM01", "KVM02", "LDAP01"]),
    );
    client.close();
  });

  test("no protection on 389 is refused by the server", async () => {
    const client = await connect();
    await expect(
      client.bindSasl({ ...asAdministrator("GSS-SPNEGO"), protection: "none" }),
    ).rejects.toMatchObject({
      resultName: "strongerAuthRequired",
    });
    client.close();
  });

  test("simple over ldaps and StartTLS, in all forms of the name, and AD's reason when it fails", async () => {
    for (const client of [await connect("ldaps"), await connect("ldap", true)]) {
      for (const name of ["alice@lab.test", "LAB\\alice", `CN=alice,CN=Users,${base}`]) {
        await client.bindSimple(name, "Passw0rd.alice");
      }
      await expect(client.bindSimple("alice@lab.test", "wrong")).rejects.toMatchObject({
        windows: { known: { name: "ERROR_LOGON_FAILURE" } },
      });
      client.close();
    }
  });
});

describe("directory work", () => {
  test("the root DSE is readable without a bind", async () => {
    const client = await connect();
    const root = await client.rootDse(["defaultNamingContext", "supportedSASLMechanisms"]);
    expect(root.text("defaultNamingContext")?.toLowerCase()).toBe(base.toLowerCase());
    expect(root.texts("supportedSASLMechanisms")).toContain("GSS-SPNEGO");
    client.close();
  });

  test("delegation settings are read, searched by bit and changed only if they are still what was read", async () => {
    const client = await administrator();
    const [kvm01] = await client.search({ base, filter: "(sAMAccountName=KVM01$)" }).all();
    const dn = kvm01?.dn ?? "";
    const before = kvm01?.text("userAccountControl") ?? "";
    const trusted = String(Number(before) | 0x1000000);
    const swap = (type: string, from: string, to: string) =>
      client.modify(dn, [
        { operation: "delete", type, values: from },
        { operation: "add", type, values: to },
      ]);
    await swap("userAccountControl", before, trusted);
    const list = "msDS-AllowedToDelegateTo";
    await client.modify(dn, [{ operation: "add", type: list, values: ["cifs/old", "cifs/kvm02.lab.test"] }]);
    await swap(list, "cifs/old", "cifs/new");
    await expect(swap(list, "cifs/old", "cifs/newer")).rejects.toMatchObject({
      resultName: "noSuchAttribute",
    });
    expect((await client.read(dn))?.texts(list).sort()).toEqual(["cifs/kvm02.lab.test", "cifs/new"]);
    // Samba works out the final userAccountControl by itself and does not check the value to delete.
    await swap("userAccountControl", before, trusted);
    const bit = "(userAccountControl:1.2.840.113556.1.4.803:=16777216)";
    const found = await client
      .search({ base, filter: `(&${bit}(msDS-AllowedToDelegateTo=*))`, attributes: ["1.1"] })
      .all();
    expect(found.map((entry) => entry.dn)).toEqual([dn]);
    const again = {
      operation: "add",
      type: "msDS-AllowedToDelegateTo",
      values: "cifs/kvm02.lab.test",
    } as const;
    await expect(client.modify(dn, [again])).rejects.toMatchObject({ resultName: "attributeOrValueExists" });
    await client.modify(dn, [again], { permissiveModify: true });
    client.close();
  });

  test("binary values, security descriptors and extended names", async () => {
    const client = await administrator();
    const sorted = await client
      .search({
        base,
        filter: "(objectClass=computer)",
        sort: [{ attribute: "cn", descending: true }],
        attributes: ["cn"],
      })
      .all();
    expect(sorted.map((entry) => entry.text("cn"))).toEqual(["LDAP01", "KVM02", "KVM01", "DC1"]);
    const dn = `CN=KVM02,CN=Computers,${base}`;
    const entry = await client.read(dn, {
      attributes: ["objectSid", "objectGUID", "nTSecurityDescriptor"],
      sdFlags: 4,
    });
    expect(entry?.value("objectSid")).toHaveLength(28);
    expect(entry?.value("objectGUID")).toHaveLength(16);
    expect(entry?.value("nTSecurityDescriptor")?.[0]).toBe(1);
    const extended = await client.read(dn, { extendedDn: 1, attributes: ["cn"] });
    expect(extended?.dn).toMatch(/^<GUID=[0-9a-f-]{36}>;<SID=S-1-5-21-[\d-]+>;CN=KVM02,/);
    client.close();
  });

  test("objects are added, renamed, compared and deleted with all below", async () => {
    const client = await administrator();
    const ou = `OU=Lab,${base}`;
    await client.add(ou, { objectClass: "organizationalUnit" });
    await client.add(`CN=group,${ou}`, { objectClass: "group", sAMAccountName: "labgroup" });
    expect(await client.compare(`CN=group,${ou}`, "sAMAccountName", "LABGROUP")).toBe(true);
    await client.modifyDn(`CN=group,${ou}`, { newRdn: "CN=renamed" });
    await expect(client.delete(ou)).rejects.toMatchObject({ resultName: "notAllowedOnNonLeaf" });
    await client.delete(ou, { treeDelete: true });
    expect(await client.read(ou)).toBeUndefined();
    client.close();
  });

  test("large attributes come whole, whatever the server's range", async () => {
    const client = await administrator();
    const values = Array.from({ length: 1700 }, (_, i) => `svc${i}/kvm02.lab.test`);
    const dn = `CN=KVM02,CN=Computers,${base}`;
    await client.modify(dn, [{ operation: "add", type: "msDS-AllowedToDelegateTo", values }]);
    const entry = await client.read(dn, { attributes: ["msDS-AllowedToDelegateTo"] });
    expect(new Set(entry?.texts("msDS-AllowedToDelegateTo"))).toEqual(new Set(values));
    client.close();
  });

  test("a user without rights is told what is missing", async () => {
    const asAlice = await kerberosLogin(domain, "alice", "Passw0rd.alice");
    const client = await connect();
    await client.bindSasl(asAlice("GSS-SPNEGO"));
    const change = {
      operation: "add",
      type: "msDS-AllowedToDelegateTo",
      values: "cifs/kvm09.lab.test",
    } as const;
    await expect(client.modify(`CN=KVM01,CN=Computers,${base}`, [change])).rejects.toMatchObject({
      resultName: "insufficientAccessRights",
    });
    client.close();
  });
});

test("domain controllers are found by DNS", async () => {
  const found = await discoverDomainControllers("lab.test", { servers: [domain.address] });
  expect(found).toEqual([{ host: "dc1.lab.test", port: 389 }]);
});
