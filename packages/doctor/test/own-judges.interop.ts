import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { migrationServiceClass } from "@waybill/directory";
import { delegationSettings, predict } from "@waybill/doctor";
import { EncType, encodeKeytab } from "@waybill/kerberos";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  administratorPassword,
  startController,
  type TestController,
} from "../../kdc/test/support/controller.ts";
import { generator } from "./support/generator.ts";

// Foreign programs before our own controller: what they get is what the doctor predicts, and what they see it sees.

const examples = "/usr/share/doc/python3-impacket/examples";
const hosts = ["KVM01", "KVM02", "KVM03", "KVM04", "KVM05"];
const people = ["alice", "sens", "prot", "gone"];
const names = (host: string): string[] =>
  [migrationServiceClass, "cifs"].flatMap((service) =>
    [host, `${host.toLowerCase()}.lab.test`].map((target) => `${service}/${target}`),
  );

let dc: TestController;

beforeAll(async () => {
  dc = await startController();
  const { directory } = dc.controller;
  const pick = generator(405);
  for (const name of people) directory.createUser({ name, password: "Passw0rd!" });
  directory.setFlags("sens", { notDelegated: true });
  directory.setFlags("gone", { accountDisable: true });
  directory.addMember("Protected Users", "prot");
  for (const name of hosts) directory.createComputer({ name, migration: true });
  for (const name of hosts) {
    const others = hosts.filter((other) => other !== name);
    directory.setDelegation(name, {
      to: pick(4) === 0 ? [] : others.flatMap(names).filter(() => pick(3) > 0),
      protocol: pick(3) > 0 ? "any" : "kerberos",
      from: others.filter(() => pick(4) === 0),
    });
  }
  directory.setFlags("KVM05", { trustedForDelegation: true });
});

afterAll(async () => await dc?.stop());

async function run(program: string, args: readonly string[], cache?: string): Promise<string> {
  return await new Promise((resolve) => {
    const { KRB5CCNAME: _, ...plain } = dc.env;
    const env = cache === undefined ? plain : { ...plain, KRB5CCNAME: join(dc.dir, cache) };
    const options = { env, cwd: dc.dir, timeout: 60_000 };
    execFile(program, args, options, (error, stdout, stderr) =>
      resolve(`${stdout}${stderr}${error === null ? "" : `exit ${error.code}`}`),
    );
  });
}

function story(person: string, source: string, spn: string) {
  const [service = "", name = ""] = spn.split("/");
  return predict({
    view: dc.controller.directory,
    person,
    source,
    destination: name.split(".")[0] ?? "",
    evidence: "s4u2self",
    services: [service === "cifs" ? "storage" : "migration"],
    spellings: [name.includes(".") ? "full" : "short"],
  });
}

/** What a host gets by itself: the programs do not sign the person in. */
function alone(person: string, source: string, spn: string): boolean | undefined {
  const asked = story(person, source, spn).exchanges.filter(({ kind }) => kind.startsWith("s4u2"));
  return asked.length === 0 ? undefined : asked.every(({ decision }) => decision === "granted");
}

describe("predictions for our own KDC", () => {
  it("are what MIT's kvno -U -P gets", async () => {
    const counts = { granted: 0, refused: 0 };
    for (const [index, source] of hosts.entries()) {
      const keytab = join(dc.dir, `${source}.keytab`);
      writeFileSync(keytab, encodeKeytab(keytabOf(`${source}$`)), { mode: 0o600 });
      expect(await run("kinit", ["-k", "-t", keytab, `${source}$`], source)).toBe("");
      const destination = hosts[(index + 1) % hosts.length] ?? "";
      for (const person of people) {
        for (const spn of names(destination).filter((_, at) => at % 2 === index % 2)) {
          const works = alone(person, source, spn);
          if (works === undefined) continue;
          const said = await run("kvno", ["-k", keytab, "-U", person, "-P", spn], source);
          expect(!said.includes("exit"), `${person} ${source} ${spn}: ${said}`).toBe(works);
          counts[works ? "granted" : "refused"]++;
        }
      }
    }
    expect(counts.granted).toBeGreaterThan(4);
    expect(counts.refused).toBeGreaterThan(9);
  });

  it("are what Impacket's getST -impersonate gets", async () => {
    const outcomes = new Set<boolean>();
    for (const [source, person, spn] of [
      ["KVM01", "alice", "cifs/kvm02.lab.test"],
      ["KVM02", "alice", "cifs/kvm03.lab.test"],
      ["KVM03", "alice", "cifs/kvm04.lab.test"],
      ["KVM04", "alice", "cifs/kvm05.lab.test"],
      ["KVM05", "alice", "cifs/kvm01.lab.test"],
      ["KVM03", "sens", "cifs/kvm04.lab.test"],
      ["KVM04", "prot", "cifs/KVM05"],
    ] as const) {
      const key = dc.controller.directory
        .byName(`${source}$`)
        ?.keySets[0]?.keys.find(({ keytype }) => keytype === EncType.aes256CtsHmacSha1);
      const said = await run("/usr/bin/python3", [
        join(examples, "getST.py"),
        "-spn",
        spn,
        "-impersonate",
        person,
        "-dc-ip",
        dc.host,
        "-aesKey",
        Buffer.from(key?.keyvalue ?? []).toString("hex"),
        `lab.test/${source}$`,
      ]);
      const works = alone(person, source, spn) ?? false;
      outcomes.add(works);
      expect(said.includes("Saving ticket in"), `${person} ${source} ${spn}: ${said}`).toBe(works);
    }
    expect(outcomes.size).toBe(2);
  });
});

it("findDelegation lists no delegation that the doctor does not", async () => {
  const said = await run("/usr/bin/python3", [
    join(import.meta.dirname, "../../kdc/test/support/impacket-without-smb.py"),
    "DC1.lab.test",
    join(examples, "findDelegation.py"),
    "-k",
    "-dc-ip",
    dc.host,
    `lab.test/Administrator:${administratorPassword}`,
  ]);
  const rows = said
    .split("\n")
    .map((line) => line.trimEnd().split(/\s{2,}/))
    .filter(([, type]) => /^(Computer|Person)$/.test(type ?? ""));
  expect(rows.length, said).toBeGreaterThan(10);
  const kinds: Readonly<Record<string, string>> = {
    Unconstrained: "unconstrained",
    Constrained: "kerberos-only",
    "Constrained w/ Protocol Transition": "any-protocol",
    "Resource-Based Constrained": "resource-based",
  };
  const settings = delegationSettings(dc.controller.directory);
  for (const [account = "", , type = "", what = ""] of rows) {
    // Of an account that has both, unconstrained delegation or its entries go under the other's name there.
    const both = settings.some((setting) => setting.account === account && setting.kind === "unconstrained");
    const known = settings.some(
      (setting) =>
        setting.account === account &&
        (what === "N/A"
          ? setting.kind === "unconstrained"
          : setting.towards.toLowerCase() === what.toLowerCase() && (both || setting.kind === kinds[type])),
    );
    expect(known, `${account} ${type} ${what}`).toBe(true);
  }
});

function keytabOf(name: string) {
  const account = dc.controller.directory.bySam(name);
  const { keys = [], kvno = 1 } = account?.keySets[0] ?? {};
  return {
    entries: keys.map(({ keytype, keyvalue }) => ({
      principal: { realm: "LAB.TEST", nameType: 1, components: [name] },
      kvno,
      timestamp: 0,
      key: { keytype, keyvalue },
    })),
  };
}
