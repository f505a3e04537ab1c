import { join } from "node:path";
import { fromUtf8 } from "@waybill/base";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { LdapClient, type LdapConnectOptions, LdapEntry, LdapServer, textAttribute } from "../src/index.ts";
import { attributeSelector } from "../src/server/select-attributes.ts";
import { makeCertificate, type TestCertificate } from "./support/certificate.ts";
import { base, MemoryBackend } from "./support/memory-backend.ts";

let certificate: TestCertificate;
let backend: MemoryBackend;
let server: LdapServer<{ name: string }>;
let plainPort: number;
let tlsPort: number;
let socketPath: string;
const clients: LdapClient[] = [];

beforeAll(() => {
  certificate = makeCertificate();
});

afterAll(() => certificate.remove());

beforeEach(async () => {
  backend = new MemoryBackend();
  server = new LdapServer({ backend, tls: certificate, limits: { maxEntries: 100 } });
  plainPort = await server.listen({ host: "127.0.0.1", port: 0 });
  tlsPort = await server.listen({ host: "127.0.0.1", port: 0, tls: true });
  socketPath = join(certificate.directory, "ldapi");
  await server.listen({ path: socketPath });
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await server.stop(100);
});

async function connect(url: string, options: Partial<LdapConnectOptions> = {}): Promise<LdapClient> {
  const client = await LdapClient.connect({
    url,
    tls: { ca: certificate.cert },
    timeout: 20_000,
    ...options,
  });
  clients.push(client);
  return client;
}

async function bound(): Promise<LdapClient> {
  const client = await connect(`ldaps://127.0.0.1:${tlsPort}`);
  await client.bindSimple("alice@lab.test", "Secret.1");
  return client;
}

describe("binding with a password (RFC 4513 section 5.1)", () => {
  test("over ldaps, StartTLS and a Unix socket", async () => {
    const starts: Promise<LdapClient>[] = [
      connect(`ldaps://127.0.0.1:${tlsPort}`),
      connect(`ldap://127.0.0.1:${plainPort}`, { startTls: true }),
      connect(`ldapi://${encodeURIComponent(socketPath)}`),
    ];
    for (const client of await Promise.all(starts)) {
      await client.bindSimple("alice@lab.test", "Secret.1");
      expect(await client.whoAmI()).toBe("u:alice@lab.test");
    }
    expect(backend.binds.map(({ protection, tls, local }) => [protection, tls, local])).toEqual([
      ["confidential", true, false],
      ["confidential", true, false],
      ["confidential", false, true],
    ]);
  });

  test("the client does not send a password in the clear", async () => {
    const client = await connect(`ldap://127.0.0.1:${plainPort}`);
    await expect(client.bindSimple("alice@lab.test", "Secret.1")).rejects.toMatchObject({
      code: "LDAP_UNPROTECTED_PASSWORD",
    });
  });

  test("a refusal carries AD's reason", async () => {
    const client = await connect(`ldaps://127.0.0.1:${tlsPort}`);
    await expect(client.bindSimple("alice@lab.test", "wrong")).rejects.toMatchObject({
      code: "LDAP_INVALID_CREDENTIALS",
      resultName: "invalidCredentials",
      windows: { data: 0x52e, known: { name: "ERROR_LOGON_FAILURE" } },
    });
    await expect(client.bindSimple("disabled@lab.test", "x")).rejects.toMatchObject({
      message: expect.stringContaining("the account is disabled"),
      remedy: "Have the account enabled.",
    });
  });

  test("a failed bind leaves the connection anonymous", async () => {
    const client = await bound();
    await expect(client.bindSimple("alice@lab.test", "wrong")).rejects.toThrow();
    expect(await client.whoAmI()).toBe("");
    await expect(client.read(base)).rejects.toMatchObject({ resultName: "operationsError" });
  });

  test("a certificate that nobody vouches for is refused", async () => {
    await expect(LdapClient.connect({ url: `ldaps://127.0.0.1:${tlsPort}` })).rejects.toMatchObject({
      code: "LDAP_TLS_FAILED",
    });
  });
});

test("an anonymous client reads the root DSE and nothing else", async () => {
  const client = await connect(`ldap://127.0.0.1:${plainPort}`);
  const root = await client.rootDse();
  expect(root.text("defaultNamingContext")).toBe(base);
  expect(root.texts("supportedControl")).toContain("1.2.840.113556.1.4.319");
  expect(root.texts("supportedExtension")).toContain("1.3.6.1.4.1.1466.20037");
  await expect(client.search({ base }).all()).rejects.toMatchObject({
    resultName: "operationsError",
    windows: { known: { name: "ERROR_NOT_AUTHENTICATED" } },
  });
});

describe("searching (RFC 4511 section 4.5)", () => {
  test("pages through more entries than the server sends at once, and lets go of a search left early", async () => {
    for (let i = 0; i < 250; i++)
      backend.put(`CN=u${i},CN=Users,${base}`, { cn: `u${i}`, objectClass: "user" });
    const client = await bound();
    const all = await client.search({ base, filter: "(objectClass=user)", pageSize: 40 }).all();
    expect(new Set(all.map(({ dn }) => dn)).size).toBe(250);
    let seen = 0;
    for await (const entry of client.search({ base, filter: "(objectClass=user)", pageSize: 40 })) {
      expect(entry).toBeInstanceOf(LdapEntry);
      if (++seen === 45) break;
    }
    await expect(client.search({ base, pageSize: false }).all()).rejects.toMatchObject({
      resultName: "sizeLimitExceeded",
    });
    await expect.poll(() => backend.open).toBe(0);
  });

  test("returns the attributes asked for, and types only when told", async () => {
    const guid = new Uint8Array(16).fill(0xff);
    backend.put(`CN=k,${base}`, { cn: "k", objectGUID: guid, userAccountControl: "16781312" });
    const client = await bound();
    const entry = await client.read(`cn=K, ${base}`, { attributes: ["objectguid"] });
    expect(entry?.value("objectGUID")).toEqual(guid);
    expect(entry?.attributes).toHaveLength(1);
    const types = await client.read(`CN=k,${base}`, { typesOnly: true });
    expect(types?.attributes.map(({ type, values }) => [type, values.length])).toEqual([
      ["objectClass", 0],
      ["cn", 0],
      ["objectGUID", 0],
      ["userAccountControl", 0],
    ]);
    expect(
      await client.read(`CN=k,${base}`, { filter: "(userAccountControl:1.2.840.113556.1.4.803:=16777216)" }),
    ).toBeDefined();
    expect(await client.read(`CN=none,${base}`)).toBeUndefined();
  });

  test("sorts (RFC 2891) and writes extended names", async () => {
    backend.put(`CN=b,${base}`, {
      cn: "b",
      userAccountControl: "512",
      objectGUID: new Uint8Array(16).fill(1),
    });
    backend.put(`CN=a,${base}`, {
      cn: "a",
      userAccountControl: "4096",
      objectGUID: new Uint8Array(16).fill(2),
    });
    const client = await bound();
    const byName = await client
      .search({ base, scope: "one", filter: "(objectGUID=*)", sort: [{ attribute: "cn" }] })
      .all();
    expect(byName.map(({ dn }) => dn)).toEqual([`CN=a,${base}`, `CN=b,${base}`]);
    const sort = [{ attribute: "userAccountControl", descending: true }];
    const byNumber = await client
      .search({
        base,
        scope: "one",
        filter: "(objectGUID=*)",
        sort,
        extendedDn: 1,
        attributes: ["cn"],
        pageSize: 1,
      })
      .all();
    expect(byNumber.map(({ dn }) => dn)).toEqual([
      `<GUID=02020202-0202-0202-0202-020202020202>;CN=a,${base}`,
      `<GUID=01010101-0101-0101-0101-010101010101>;CN=b,${base}`,
    ]);
  });
});

describe("attributes with very many values (MS-ADTS section 3.1.1.3.1.3.3)", () => {
  const dn = `CN=everybody,${base}`;
  const names = Array.from({ length: 3200 }, (_, index) => `CN=u${index},${base}`);
  const shape = (requested: string): [string, number, string][] =>
    attributeSelector(
      [requested],
      false,
      1500,
    )([textAttribute("member", ...names)]).map(({ type, vals }) => [
      type,
      vals.length,
      vals[0] === undefined ? "" : fromUtf8(vals[0]),
    ]);

  test.each([
    [
      "member",
      [
        ["member", 0, ""],
        ["member;range=0-1499", 1500, names[0]],
      ],
    ],
    ["member;range=1500-*", [["member;range=1500-2999", 1500, names[1500]]]],
    ["member;range=3000-*", [["member;range=3000-*", 200, names[3000]]]],
    ["member;range=10-19", [["member;range=10-19", 10, names[10]]]],
    ["member;range=3195-9999", [["member;range=3195-*", 5, names[3195]]]],
    ["member;range=4000-*", [["member;range=4000-*", 0, ""]]],
  ])("%s", (requested, expected) => {
    expect(shape(requested)).toEqual(expected);
  });

  test("the client puts them together", async () => {
    backend.put(dn, { cn: "everybody", member: names });
    const client = await bound();
    expect((await client.read(dn, { attributes: ["member"] }))?.texts("member")).toEqual(names);
  });
});

describe("changing (RFC 4511 sections 4.6 to 4.10)", () => {
  test("adds, compares, modifies, renames, deletes", async () => {
    const client = await bound();
    const dn = `CN=KVM01,${base}`;
    await client.add(dn, { objectClass: ["top", "computer"], cn: "KVM01", userAccountControl: "4096" });
    expect(await client.compare(dn, "cn", "KVM01")).toBe(true);
    expect(await client.compare(dn, "cn", "KVM02")).toBe(false);
    await expect(client.add(dn, { cn: "KVM01" })).rejects.toMatchObject({ resultName: "entryAlreadyExists" });
    await client.modify(dn, [
      { operation: "add", type: "servicePrincipalName", values: ["HOST/kvm01", "cifs/kvm01"] },
      { operation: "replace", type: "userAccountControl", values: "16781312" },
    ]);
    expect(backend.text(dn, "servicePrincipalName")).toEqual(["HOST/kvm01", "cifs/kvm01"]);
    await client.modifyDn(dn, { newRdn: "CN=KVM9", newSuperior: `CN=Users,${base}` });
    expect(await client.read(`CN=KVM9,CN=Users,${base}`)).toBeDefined();
    await expect(client.delete(`CN=Users,${base}`)).rejects.toMatchObject({
      resultName: "notAllowedOnNonLeaf",
      windows: { known: { name: "ERROR_DS_CANT_ON_NON_LEAF" } },
    });
    await client.delete(`CN=Users,${base}`, { treeDelete: true });
    expect(await client.read(`CN=KVM9,CN=Users,${base}`)).toBeUndefined();
  });

  test("permissive modify, assertion control (RFC 4528) and deleting a value that is gone", async () => {
    backend.put(`CN=k,${base}`, { cn: "k", description: "old" });
    const client = await bound();
    const add = [{ operation: "add", type: "description", values: "old" }] as const;
    await expect(client.modify(`CN=k,${base}`, add)).rejects.toMatchObject({
      resultName: "attributeOrValueExists",
    });
    await client.modify(`CN=k,${base}`, add, { permissiveModify: true });
    const replace = [{ operation: "replace", type: "description", values: "new" }] as const;
    await expect(
      client.modify(`CN=k,${base}`, replace, { assertion: "(description=other)" }),
    ).rejects.toMatchObject({ resultName: "assertionFailed" });
    await client.modify(`CN=k,${base}`, replace, { assertion: "(description=old)" });
    const swap = [{ operation: "delete", type: "description", values: "old" }] as const;
    await expect(client.modify(`CN=k,${base}`, swap)).rejects.toMatchObject({
      resultName: "noSuchAttribute",
    });
    expect(backend.text(`CN=k,${base}`, "description")).toEqual(["new"]);
  });

  test("an unknown critical control is refused, an unknown other one ignored", async () => {
    const client = await bound();
    const control = { controlType: "1.2.3.4", criticality: true };
    await expect(client.delete(`CN=Users,${base}`, { controls: [control] })).rejects.toMatchObject({
      resultName: "unavailableCriticalExtension",
    });
    await client.delete(`CN=Users,${base}`, { controls: [{ ...control, criticality: false }] });
  });
});
