import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AccessMask,
  type Ace,
  AceFlags,
  AceType,
  DirectoryLdapBackend,
  encodeSecurityDescriptor,
  fullControl,
  loadFromLdap,
  type MemoryDirectory,
  WellKnownSid,
} from "@waybill/directory";
import { examine, type Finding, readDescriptors } from "@waybill/doctor";
import { LdapClient, LdapServer } from "@waybill/ldap";
import { beforeEach, describe, expect, it } from "vitest";
import { seedDomain } from "../support/domain.ts";

// Schema GUIDs as published in MS-ADA2 and MS-ADA3: attributes, then property sets.
const actOnBehalf = "3f78c3e5-f79a-46bd-a0b8-9d18116ddc79";
const delegateTo = "800d94d7-b7a1-42a1-b14d-7cae1423d07f";
const accountRestrictions = "4c164200-20c0-11d0-a768-00aa006e0529";
const publicInformation = "e48d0154-bcf8-11d1-8702-00c04fb96050";
const description = "bf967950-0de6-11d0-a285-00aa003049e2";

let directory: MemoryDirectory;
let helper: string;
/** Stands for helper in lists that are made before helper is. */
const somebody = "S-1-5-21-1-2-3-4";

beforeEach(() => {
  directory = seedDomain();
  helper = directory.createUser({ name: "helper", password: "Passw0rd!" }).sid;
});

const allow = (mask: number, objectType?: string): Ace => ({
  type: objectType === undefined ? AceType.accessAllowed : AceType.accessAllowedObject,
  flags: 0,
  mask,
  sid: somebody,
  ...(objectType === undefined ? {} : { objectType }),
});
const deny = (mask: number): Ace => ({ type: AceType.accessDenied, flags: 0, mask, sid: somebody });
const descriptor = (aces: readonly Ace[], owner: string = WellKnownSid.administrators): Uint8Array =>
  encodeSecurityDescriptor({
    control: 0,
    owner,
    dacl: { revision: 4, aces: aces.map((ace) => (ace.sid === somebody ? { ...ace, sid: helper } : ace)) },
  });

function rights(aces: readonly Ace[], owner?: string): Finding[] {
  const host = directory.bySam("KVM01$")!;
  const descriptors = new Map([[host.sid, descriptor(aces, owner)]]);
  return examine({ view: directory, hosts: [host], people: [], descriptors }).findings.filter(
    ({ id }) => id === "change-rights-wide" || id === "attributes-unreadable",
  );
}

describe("who can change the delegation of a host", () => {
  it.each([
    ["full control", [allow(fullControl)], "full control"],
    ["GenericAll", [allow(AccessMask.genericAll)], "full control"],
    ["GenericWrite", [allow(AccessMask.genericWrite)], "may write all attributes"],
    ["WriteDacl", [allow(AccessMask.writeDacl)], "may change the permissions"],
    ["WriteOwner", [allow(AccessMask.writeOwner)], "may become the owner"],
    [
      "the resource-based attribute",
      [allow(AccessMask.writeProperty, actOnBehalf)],
      "may write msDS-AllowedToActOnBehalfOfOtherIdentity",
    ],
    [
      "account restrictions",
      [allow(AccessMask.writeProperty, accountRestrictions)],
      "may write msDS-AllowedToActOnBehalfOfOtherIdentity and userAccountControl",
    ],
    ["the list", [allow(AccessMask.writeProperty, delegateTo)], "may write msDS-AllowedToDelegateTo"],
    [
      "public information",
      [allow(AccessMask.writeProperty, publicInformation)],
      "may write msDS-AllowedToDelegateTo",
    ],
  ] as const)("%s", (_, aces, words) => {
    const [finding, ...more] = rights(aces);
    expect(more).toEqual([]);
    expect(finding?.cause).toBe(
      `helper can change the delegation settings of KVM01$ (nTSecurityDescriptor: ${words}).`,
    );
    expect(finding?.evidence[0]?.value).toBe(`${helper}: ${words}`);
    expect(finding?.effect).toContain("SeEnableDelegationPrivilege");
    expect(finding?.effect).toContain("cannot be read over LDAP");
    expect(finding?.remedies[0]?.powershell[0]).toBe(
      "dsacls 'CN=KVM01,CN=Computers,DC=lab,DC=test' /R 'LAB\\helper'",
    );
  });

  it.each([
    ["nobody", []],
    ["another attribute", [allow(AccessMask.writeProperty, description)]],
    ["reading", [allow(AccessMask.genericRead)]],
    ["what is denied first", [deny(fullControl), allow(fullControl)]],
    ["an entry for children only", [{ ...allow(fullControl), flags: AceFlags.inheritOnly }]],
    ["administrators", [{ ...allow(fullControl), sid: WellKnownSid.administrators }]],
  ] as const)("is not %s", (_, aces) => {
    expect(rights(aces)).toEqual([]);
  });

  it("is the owner, such as somebody who joined the machine", () => {
    expect(rights([], helper)[0]?.cause).toContain("owner, who may change the permissions");
  });

  it("is everybody where there is no list of permissions", () => {
    const host = directory.bySam("KVM01$")!;
    const bytes = encodeSecurityDescriptor({ control: 0, owner: WellKnownSid.administrators });
    const { findings } = examine({
      view: directory,
      hosts: [host],
      people: [],
      descriptors: new Map([[host.sid, bytes]]),
    });
    expect(findings.find(({ id }) => id === "change-rights-wide")?.cause).toContain(
      "there is no list of permissions",
    );
  });

  it("is told once for one person and many hosts", () => {
    const bytes = descriptor([allow(fullControl)]);
    const descriptors = new Map(["KVM01$", "KVM02$"].map((name) => [directory.bySam(name)!.sid, bytes]));
    const found = examine({ view: directory, people: [], descriptors }).findings.filter(
      ({ id }) => id === "change-rights-wide",
    );
    expect(found.map(({ cause }) => cause)).toEqual([
      "helper can change the delegation settings of KVM01$ and KVM02$ (nTSecurityDescriptor: full control).",
    ]);
  });

  it("is not known, and said so, where the descriptor is hidden or damaged", () => {
    const [first, second] = ["KVM01$", "KVM02$"].map((name) => directory.bySam(name)!);
    const descriptors = new Map([[first!.sid, new Uint8Array(7)]]);
    const [finding, ...more] = examine({
      view: directory,
      hosts: [first!, second!],
      people: [],
      descriptors,
    }).findings.filter(({ id }) => id === "attributes-unreadable");
    expect(more).toEqual([]);
    expect(finding).toMatchObject({ severity: "notice" });
    expect(finding?.cause).toBe("nTSecurityDescriptor of KVM01$ and KVM02$ could not be read.");
    expect(finding?.evidence.map(({ value }) => value)).toEqual(["(damaged)", "(not readable)"]);
  });
});

describe("read from a controller by somebody without rights", () => {
  it("shows who could change what", async () => {
    directory.setAttributes("KVM02", {
      nTSecurityDescriptor: descriptor([
        allow(fullControl),
        { ...allow(AccessMask.genericRead), sid: WellKnownSid.authenticatedUsers },
      ]),
    });
    const server = new LdapServer({
      backend: new DirectoryLdapBackend({ directory, dnsHostName: "dc1.lab.test" }),
    });
    const folder = mkdtempSync(join(tmpdir(), "waybill-rights-"));
    await server.listen({ path: join(folder, "ldapi") });
    const ldap = await LdapClient.connect({ url: `ldapi://${encodeURIComponent(join(folder, "ldapi"))}` });
    try {
      await ldap.bindSimple("LAB\\alice", "Passw0rd!");
      const { directory: view } = await loadFromLdap(ldap);
      const hosts = ["KVM01$", "KVM02$"].map((name) => view.bySam(name)!);
      const descriptors = await readDescriptors(ldap, "DC=lab,DC=test", hosts);
      expect([...descriptors.keys()]).toEqual(expect.arrayContaining(hosts.map(({ sid }) => sid)));
      const found = examine({ view, hosts, people: [], descriptors }).findings.filter(
        ({ id }) => id === "change-rights-wide" || id === "attributes-unreadable",
      );
      expect(found.map(({ cause }) => cause)).toEqual([
        "helper can change the delegation settings of KVM02$ (nTSecurityDescriptor: full control).",
      ]);
    } finally {
      ldap.close();
      await server.stop(100);
      rmSync(folder, { recursive: true });
    }
  });
});
