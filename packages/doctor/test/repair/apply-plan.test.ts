import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utf8 } from "@waybill/base";
import {
  DirectoryLdapBackend,
  type LdapIdentity,
  loadFromLdap,
  MemoryDirectory,
  parseLdif,
} from "@waybill/directory";
import { applyPlan, plan, predict } from "@waybill/doctor";
import { LdapClient, LdapServer } from "@waybill/ldap";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { seedNames } from "../support/domain.ts";

let directory: MemoryDirectory;
let server: LdapServer<LdapIdentity>;
let folder: string;
const clients: LdapClient[] = [];

beforeEach(async () => {
  directory = new MemoryDirectory({ realm: "LAB.TEST", administratorPassword: "Passw0rd!" });
  directory.createUser({ name: "alice", password: "Passw0rd!" });
  for (const name of ["KVM01", "KVM02"]) directory.createComputer({ name, migration: true });
  directory.setDelegation("KVM01", { to: seedNames("kvm02"), protocol: "kerberos" });
  server = new LdapServer({ backend: new DirectoryLdapBackend({ directory, dnsHostName: "dc1.lab.test" }) });
  folder = mkdtempSync(join(tmpdir(), "waybill-doctor-"));
  await server.listen({ path: join(folder, "ldapi") });
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await server.stop(100);
  rmSync(folder, { recursive: true });
});

async function as(name: string): Promise<LdapClient> {
  const url = `ldapi://${encodeURIComponent(join(folder, "ldapi"))}`;
  const client = await LdapClient.connect({ url, timeout: 20_000 });
  clients.push(client);
  await client.bindSimple(`LAB\\${name}`, "Passw0rd!");
  return client;
}

const both = [
  { from: "kvm01", to: "kvm02" },
  { from: "kvm02", to: "kvm01" },
];

describe("applying a plan", () => {
  it("writes it, reads it back and gives LDIF that takes it back", async () => {
    const client = await as("Administrator");
    const { directory: view } = await loadFromLdap(client);
    const made = plan({ view, pairs: both, evidence: "s4u2self", people: ["alice"] });
    expect(made.complete).toBe(true);
    const result = await applyPlan(client, made);
    expect(result).toMatchObject({ verified: true, mismatches: [] });
    for (const { from, to } of both) {
      const story = predict({
        view: directory,
        person: "alice",
        source: from,
        destination: to,
        evidence: "s4u2self",
        services: ["migration", "storage"],
      });
      expect(story.sentence).toContain("grants every ticket");
    }
    const { records, problems } = await parseLdif(result.undo);
    expect(problems).toEqual([]);
    for (const record of records) {
      if (record.kind === "modify") await client.modify(record.dn, record.changes);
    }
    expect(directory.bySam("KVM02$")?.allowedToDelegateTo).toEqual([]);
    expect(directory.bySam("KVM01$")?.allowedToDelegateTo).toEqual(seedNames("kvm02"));
    expect(directory.bySam("KVM01$")?.userAccountControl).toBe(4096);
  });

  it("is refused when somebody else changed the object meanwhile", async () => {
    const client = await as("Administrator");
    const { directory: view } = await loadFromLdap(client);
    const made = plan({ view, pairs: [both[0]!], evidence: "s4u2self" });
    directory.setFlags("KVM01", { dontExpirePassword: true });
    await expect(applyPlan(client, made)).rejects.toMatchObject({ code: "PLAN_OUTDATED" });
    expect(directory.bySam("KVM01$")?.userAccountControl).toBe(4096 | 0x10000);
  });

  it("writes resource-based delegation for somebody who may not edit the source", async () => {
    directory.setDelegation("KVM01", { to: [] });
    const client = await as("Administrator");
    const { directory: view } = await loadFromLdap(client);
    const made = plan({
      view,
      pairs: [both[0]!],
      evidence: "s4u2self",
      mayEditComputers: false,
      people: ["alice"],
    });
    expect(made.diffs.map(({ account, attribute }) => `${account} ${attribute}`)).toEqual([
      "KVM02$ msDS-AllowedToActOnBehalfOfOtherIdentity",
    ]);
    expect(made.complete).toBe(true);
    expect((await applyPlan(client, made)).verified).toBe(true);
    const story = predict({
      view: directory,
      person: "alice",
      source: "kvm01",
      destination: "kvm02",
      evidence: "s4u2self",
    });
    expect(story.exchanges.at(-1)).toMatchObject({ decision: "granted", via: "resource-based" });
  });

  it("without the right says so, and names the way out", async () => {
    const client = await as("alice");
    const { directory: view } = await loadFromLdap(client);
    const made = plan({ view, pairs: [both[0]!], evidence: "s4u2self" });
    await expect(applyPlan(client, made)).rejects.toMatchObject({
      code: "PLAN_NOT_PERMITTED",
      remedy: expect.stringContaining("SeEnableDelegationPrivilege"),
    });
  });

  it("that fails half-way gives back how to undo the first half", async () => {
    const client = await as("Administrator");
    const { directory: view } = await loadFromLdap(client);
    const made = plan({ view, pairs: both, evidence: "s4u2self" });
    directory.setFlags("KVM02", { dontExpirePassword: true });
    const failure = await applyPlan(client, made).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "PLAN_APPLIED_IN_PART" });
    const undo = (failure as { facts: { undo: string } }).facts.undo;
    const { records } = await parseLdif(utf8(undo));
    expect(records.map(({ dn }) => dn)).toEqual([view.bySam("KVM01$")?.dn]);
  });
});
