import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@waybill/base";
import { parsePrincipal } from "@waybill/kerberos";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { AccountNames, type NameLookup } from "../src/authorization/account-names.ts";
import { Authorizer, directoryNamesOf } from "../src/authorization/authorizer.ts";
import { directoryNames } from "../src/authorization/directory-names.ts";
import { startController, type TestController } from "./support/domain-controller.ts";

const group = "S-1-5-21-1-2-3-1105";
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wbn-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function accountNames(lookup: NameLookup, names = ["VM Operators"], realm = "LAB.TEST"): AccountNames {
  return new AccountNames({ names, directory, realm, lookup, logger: silentLogger });
}
const answers =
  (sids: Record<string, string>): NameLookup =>
  async () =>
    new Map(Object.entries(sids));
const dead: NameLookup = async () => {
  throw new Error("no controller answers");
};

describe("which names only the directory knows", () => {
  it("leaves out SIDs, the host's own groups and what is the same in every domain", () => {
    const names = directoryNamesOf({
      rules: [
        { who: ["Own", "Administrators", "BUILTIN\\Hyper-V Administrators", "Web Team"], may: [] },
        { who: ["WEB TEAM", group, "alice@lab.test"], may: [] },
      ],
      groups: { own: ["VM Operators", group] },
    });
    expect(names.toSorted()).toEqual(["VM Operators", "WEB TEAM", "alice@lab.test"]);
  });

  it("knows the builtin groups without being asked", () => {
    const rules = [{ who: ["Hyper-V Administrators"], may: ["list"] as const }];
    const authorizer = new Authorizer("h", { rules, groups: {}, requireProofOfIdentity: false });
    const sids = new Set(["S-1-5-32-578"]);
    const caller = {
      principal: "a",
      sids,
      assertedBy: "authentication-authority",
      transitedServices: [],
    } as const;
    expect(authorizer.allows(caller, "list")).toBe(true);
    expect(authorizer.allows({ ...caller, sids: new Set(["S-1-5-32-544"]) }, "list")).toBe(false);
  });
});

describe("a directory that is dead", () => {
  it("closes nothing: what it said last holds after a restart", async () => {
    const before = accountNames(answers({ "vm operators": group }));
    await before.start();
    before.stop();
    const after = accountNames(dead);
    await after.start();
    expect(after.sid("VM Operators")).toBe(group);
    after.stop();
  });

  it("opens nothing: a name that was never known is nobody, and so is one of another realm", async () => {
    const never = accountNames(dead);
    await never.start();
    expect(never.sid("VM Operators")).toBeUndefined();
    never.stop();
    const here = accountNames(answers({ "vm operators": group }));
    await here.start();
    here.stop();
    const elsewhere = accountNames(dead, ["VM Operators"], "OTHER.TEST");
    expect(elsewhere.sid("VM Operators")).toBeUndefined();
  });

  it("is not replaced by a file that makes no sense", async () => {
    writeFileSync(
      join(directory, "access-names.json"),
      '{"realm":"LAB.TEST","asked":1,"sids":{"vm operators":"x"}}',
    );
    expect(accountNames(dead).sid("VM Operators")).toBeUndefined();
    writeFileSync(join(directory, "access-names.json"), "{");
    expect(accountNames(dead).sid("VM Operators")).toBeUndefined();
  });
});

it("a name that is gone from a directory that answers grants nothing any more", async () => {
  const sids: Record<string, string> = { "vm operators": group };
  const names = accountNames(async () => new Map(Object.entries(sids)));
  await names.refresh();
  delete sids["vm operators"];
  await names.refresh();
  expect(names.sid("vm operators")).toBeUndefined();
  expect(readFileSync(join(directory, "access-names.json"), "utf8")).not.toContain(group);
  names.stop();
});

describe("asked over LDAP with the host's own ticket", () => {
  let controller: TestController;
  beforeAll(async () => {
    controller = await startController({
      groups: [{ name: "VM Operators" }, { name: "odd (name)" }],
      users: ["alice"],
      computers: ["KVM01"],
    });
  });
  afterAll(async () => await controller.close());

  const lookup = (): NameLookup => {
    const { domain, ldap } = controller;
    return directoryNames({
      realm: domain.realm,
      controller: ldap,
      getTicket: async (server, signal) => {
        const tgt = await domain.client.login(
          { principal: parsePrincipal(`KVM01$@${domain.realm}`), keytab: domain.keytab("KVM01$") },
          { signal },
        );
        return await domain.client.getTicket({ tgt, server }, { signal });
      },
    });
  };

  it("gives the SIDs of groups and users, by each way to write them", async () => {
    const { directory: view } = controller.domain;
    const operators = view.groupBySam("VM Operators")?.sid;
    const alice = view.bySam("alice")?.sid;
    const short = view.domain.netbiosName;
    const found = await lookup()([
      "vm operators",
      `${short}\\VM Operators`,
      "alice@lab.test",
      "alice",
      "odd (name)",
    ]);
    expect(operators).toMatch(/^S-1-5-21-/);
    expect(Object.fromEntries(found)).toEqual({
      "vm operators": operators,
      [`${short.toLowerCase()}\\vm operators`]: operators,
      "alice@lab.test": alice,
      alice,
      "odd (name)": view.groupBySam("odd (name)")?.sid,
    });
  });

  it("finds nobody for strangers, other domains and wildcards", async () => {
    const found = await lookup()(["Web Team", "OTHER\\VM Operators", "alice@other.test", "*", "VM*"]);
    expect(found.size).toBe(0);
  });
});
