import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  AccessMask,
  AceType,
  encodeSecurityDescriptor,
  fullControl,
  parseLdif,
  WellKnownSid,
} from "@waybill/directory";
import { formatSid } from "@waybill/kerberos";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LiveDomain, namesOf, startOurs, startSamba } from "./support/live-domain.ts";

// waybill delegation and waybill doctor as people use them, with a domain controller that runs: ours, and Samba AD.

describe.each([
  ["our domain controller", startOurs],
  ["Samba AD", startSamba],
] as const)("waybill delegation with %s", (kind, start) => {
  let live: LiveDomain;
  const list = "msDS-AllowedToDelegateTo";
  const resource = "msDS-AllowedToActOnBehalfOfOtherIdentity";
  const undoFile = (name: string): string => join(live.folder, `${name}.ldif`);
  const left = (): string[] => readdirSync(live.cwd);
  /** As the server has it: with Samba also in the spelling its KDC looks for. */
  const spelled = (names: readonly string[]): string[] =>
    live.kind === "ours" ? names.toSorted() : names.map((name) => name.replaceAll(" ", "\\ ")).sort();

  beforeAll(async () => {
    live = await start();
  });
  afterAll(async () => await live?.stop());

  /** What the doctor tells alice of two hosts. */
  const aboutHosts = async (...more: readonly string[]) =>
    await live.as("alice", "doctor", "--person", "alice", "--host", "kvm01", "kvm02", ...more);

  /** Carries out what a command kept to take itself back. */
  async function takeBack(file: string): Promise<void> {
    const { records, problems } = await parseLdif(readFileSync(file, "utf8"));
    expect(problems).toEqual([]);
    expect(records.length).toBeGreaterThan(0);
    for (const record of records)
      if (record.kind === "modify") await live.ldap.modify(record.dn, record.changes);
  }

  it("show: everybody may look", async () => {
    const { code, stdout } = await live.as("alice", "delegation", "show", "--json");
    expect(code).toBe(0);
    const shown = JSON.parse(stdout) as { account: string; kind: string; towards: string }[];
    expect(new Set(shown.map(({ account, kind }) => `${account} ${kind}`))).toEqual(
      new Set(["DC1$ unconstrained", "KVM01$ kerberos-only", "KVM03$ any-protocol"]),
    );
    const one = await live.as("alice", "delegation", "show", "KVM01$");
    expect(one.stdout).toMatch(/KVM01\$ +kerberos-only +cifs\/kvm02\.lab\.test/);
  });

  it("somebody without the right is refused, gets the commands, and no undo file is left", async () => {
    for (const args of [
      ["delegation", "allow", "--from", "kvm04", "--to", "kvm02", "--evidence", "ticket", "--yes"],
      ["delegation", "revoke", "--from", "kvm01", "--yes"],
      ["delegation", "convert", "kvm01", "--into", "any-protocol", "--yes"],
      ["doctor", "--fix", "--person", "alice", "--from", "kvm04", "--to", "kvm02", "--yes"],
    ]) {
      const { code, stdout, stderr } = await live.as("alice", ...args);
      expect(stderr, args.join(" ")).toContain("PLAN_NOT_PERMITTED");
      expect(code).toBe(3);
      for (const words of [
        "For somebody who has the right:",
        "PowerShell",
        "samba-tool delegation",
        "changetype: modify",
      ])
        expect(stdout).toContain(words);
      expect(left()).toEqual([]);
      if (args[0] === "delegation" && args[1] !== "allow") continue;
      const asked = await live.as("alice", ...args, "--json");
      expect(asked.code).toBe(3);
      const { error } = JSON.parse(asked.stdout) as {
        error: { code: string; commands: { powershell: string[]; sambaTool: string[]; ldif: string } };
      };
      expect(error.code).toBe("PLAN_NOT_PERMITTED");
      for (const line of [
        ...error.commands.powershell,
        ...error.commands.sambaTool,
        ...error.commands.ldif.split("\n"),
      ])
        expect(stdout, "the same as in a terminal").toContain(line);
      expect(error.commands.sambaTool.join("\n")).toContain("samba-tool delegation");
      expect((await parseLdif(error.commands.ldif)).problems).toEqual([]);
      expect(left()).toEqual([]);
    }
    const planned = ["delegation", "allow", "--from", "kvm04", "--to", "kvm02", "--evidence", "ticket"];
    const dry = await live.as("alice", ...planned, "--dry-run", "--json");
    const { commands, diffs } = JSON.parse(dry.stdout) as { commands: { ldif: string }; diffs: unknown[] };
    expect(diffs.length).toBeGreaterThan(0);
    expect(commands.ldif).toContain("changetype: modify");
    expect(await live.values("KVM04$", list)).toEqual([]);
  });

  it("allow: written, verified, and taken back with the file it kept", async () => {
    const undo = undoFile("allow");
    const args = ["delegation", "allow", "--from", "kvm04", "--to", "kvm02", "--evidence", "ticket"] as const;
    const dry = await live.as("Administrator", ...args, "--dry-run");
    expect(dry.stdout).toContain("+ cifs/kvm02.lab.test");
    expect(await live.values("KVM04$", list)).toEqual([]);
    const { code, stdout, stderr } = await live.as("Administrator", ...args, "--yes", "--undo", undo);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toContain("read back and found as planned");
    expect(stdout).toMatch(/is on ldap:\/\/127\.[\d.]+/);
    expect(await live.values("KVM04$", list)).toEqual(spelled(namesOf("kvm02")));
    const again = await live.as("Administrator", ...args, "--yes");
    expect(again.stdout).toContain("Nothing has to change.");
    const over = await live.as(
      "Administrator",
      "delegation",
      "revoke",
      "--from",
      "kvm04",
      "--yes",
      "--undo",
      undo,
    );
    expect(over.stderr).toContain("UNDO_FILE_EXISTS");
    await takeBack(undo);
    expect(await live.values("KVM04$", list)).toEqual([]);
    expect(left()).toEqual([]);
  });

  it("convert and revoke: any protocol and back to Kerberos only, then nothing", async () => {
    const flags = async (): Promise<number> => Number((await live.values("KVM01$", "userAccountControl"))[0]);
    const before = await live.values("KVM01$", list);
    const to = async (kind: string) =>
      await live.as(
        "Administrator",
        "delegation",
        "convert",
        "kvm01",
        "--into",
        kind,
        "--yes",
        "--undo",
        undoFile(kind),
        "--json",
      );
    expect(JSON.parse((await to("any-protocol")).stdout)).toMatchObject({ verified: true });
    expect((await flags()) & 0x1000000).toBe(0x1000000);
    expect(JSON.parse((await to("kerberos-only")).stdout)).toMatchObject({ verified: true });
    expect((await flags()) & 0x1000000).toBe(0);
    const revoke = await live.as(
      "Administrator",
      "delegation",
      "revoke",
      "--from",
      "kvm01",
      "--to",
      "kvm02",
      "--yes",
      "--undo",
      undoFile("revoke"),
    );
    expect(revoke.code).toBe(0);
    expect(await live.values("KVM01$", list)).toEqual([]);
    await takeBack(undoFile("revoke"));
    expect(await live.values("KVM01$", list)).toEqual(before);
  });

  it("convert into resource-based delegation, where the KDC knows it", async () => {
    const { code, stdout, stderr } = await live.as(
      "Administrator",
      "delegation",
      "convert",
      "kvm03",
      "--into",
      "resource-based",
      "--yes",
      "--undo",
      undoFile("resource"),
    );
    if (live.kind === "samba") {
      // 4.17: neither does its KDC look at the attribute, nor may anybody write it over LDAP.
      expect(code).not.toBe(0);
      expect(`${stdout}${stderr}`).toMatch(/ignores resource-based delegation|PLAN_NOT_PERMITTED/);
      expect(await live.values("KVM02$", resource)).toEqual([]);
      return;
    }
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(await live.values("KVM03$", list)).toEqual([]);
    const shown = await live.as("alice", "delegation", "show", "KVM03$", "--json");
    expect(JSON.parse(shown.stdout)).toMatchObject([
      { account: "KVM03$", kind: "resource-based", towards: "KVM02$" },
    ]);
    await takeBack(undoFile("resource"));
    expect((await live.values("KVM03$", list)).length).toBe(4);
    expect(await live.values("KVM02$", resource)).toEqual([]);
  });

  it("a change that somebody else made while the plan was looked at is not lost", async () => {
    const args = ["delegation", "convert", "kvm01", "--into", "any-protocol"];
    const other = await live.answering("Administrator", args, async () => {
      await live.modify("KVM01$", {
        operation: "replace",
        type: "userAccountControl",
        values: String(0x1000 | 0x100000),
      });
    });
    expect(other.stdout).toContain("PLAN_OUTDATED");
    expect(other.code).not.toBe(0);
    expect(Number((await live.values("KVM01$", "userAccountControl"))[0])).toBe(0x101000);
    expect(left()).toEqual([]);
    await live.modify("KVM01$", { operation: "replace", type: "userAccountControl", values: "4096" });
    const entry = "cifs/kvm02.lab.test";
    const list2 = await live.answering(
      "Administrator",
      ["delegation", "revoke", "--from", "kvm01"],
      async () => {
        await live.modify("KVM01$", { operation: "delete", type: list, values: entry });
      },
    );
    expect(list2.stdout).toContain("PLAN_OUTDATED");
    expect(await live.values("KVM01$", list)).not.toContain(entry);
    expect((await live.values("KVM01$", list)).length).toBeGreaterThan(1);
    await live.modify("KVM01$", { operation: "add", type: list, values: entry });
    expect(left()).toEqual([]);
  });

  // Samba 4.17 lets nobody write the one attribute that takes no privilege.
  if (kind === "our domain controller")
    it("what was changed before somebody was refused, and nothing else, can be taken back", async () => {
      const before = await live.values("KVM02$", list);
      const sid = (
        await live.ldap
          .search({ base: "DC=lab,DC=test", filter: "(sAMAccountName=alice)", attributes: ["objectSid"] })
          .all()
      )[0]?.value("objectSid");
      const allow = (who: string, mask: number) => ({
        type: AceType.accessAllowed,
        flags: 0,
        mask,
        sid: who,
      });
      const aces = [
        allow(WellKnownSid.administrators, fullControl),
        allow(formatSid(sid ?? new Uint8Array()), fullControl),
        allow(WellKnownSid.authenticatedUsers, AccessMask.genericRead),
      ];
      const descriptor = encodeSecurityDescriptor({
        control: 0,
        owner: WellKnownSid.administrators,
        dacl: { revision: 4, aces },
      });
      await live.modify("KVM02$", { operation: "replace", type: "nTSecurityDescriptor", values: descriptor });
      const undo = undoFile("part");
      const args = [
        "--from",
        "kvm04",
        "--to",
        "kvm02",
        "--both",
        "--mode",
        "resource-based",
        "--yes",
        "--undo",
        undo,
      ];
      const { code, stderr } = await live.as("alice", "delegation", "allow", ...args);
      expect(stderr).toContain("PLAN_APPLIED_IN_PART");
      expect(code).not.toBe(0);
      const { records } = await parseLdif(readFileSync(undo, "utf8"));
      expect(records.map(({ dn }) => dn)).toEqual(["CN=KVM02,CN=Computers,DC=lab,DC=test"]);
      expect(
        (await live.ldap.read("CN=KVM02,CN=Computers,DC=lab,DC=test", { attributes: [resource] }))?.has(
          resource,
        ),
      ).toBe(true);
      // And the doctor tells of the right that made it possible.
      const told = await aboutHosts("--json");
      const rights = JSON.parse(told.stdout).findings.filter(
        ({ id }: { id: string }) => id === "change-rights-wide",
      );
      expect(rights.map(({ cause }: { cause: string }) => cause)).toEqual([
        "alice can change the delegation settings of KVM02$ (nTSecurityDescriptor: full control).",
      ]);
      await takeBack(undo);
      expect(await live.values("KVM02$", list)).toEqual(before);
      await live.modify("KVM02$", { operation: "delete", type: "nTSecurityDescriptor" });
    });

  describe("waybill doctor", () => {
    const move = ["--person", "alice", "--from", "kvm01", "--to", "kvm02"] as const;
    const prove = async (...args: readonly string[]) => {
      const keytabs = [await live.keytab("KVM01$"), await live.keytab("KVM03$"), await live.keytab("WAC$")];
      return await live.as("alice", "doctor", "--prove", "--keytab", ...keytabs, "--json", ...args);
    };

    it("--prove finds every answer of the KDC as predicted, with the profile it finds out", async () => {
      for (const evidence of ["ticket", "s4u2self"]) {
        const { stdout, stderr } = await prove(...move, "--evidence", evidence);
        expect(stderr).toBe("");
        const { moves, findings } = JSON.parse(stdout);
        expect(moves[0].proof.verdict, JSON.stringify(moves[0].proof, undefined, 1)).toBe("agrees");
        expect(findings).toEqual([]);
      }
      const whole = await prove(
        "--person",
        "alice",
        "carol",
        "--host",
        "kvm01",
        "kvm02",
        "kvm03",
        "--evidence",
        "s4u2self",
      );
      const { proofs, findings, profile } = JSON.parse(whole.stdout);
      expect(profile).toBe(live.kind === "samba" ? "samba-4.17" : "active-directory");
      expect(proofs.length).toBe(10);
      expect(proofs.filter(({ verdict }: { verdict: string }) => verdict === "differs")).toEqual([]);
      expect(findings.map(({ id }: { id: string }) => id)).not.toContain("prediction-differs");
    });

    it("--prove shows where another make of KDC was predicted", async () => {
      const wrong = live.kind === "samba" ? "active-directory" : "samba-4.17";
      const { stdout, code } = await prove(...move, "--evidence", "s4u2self", "--profile", wrong);
      const { findings } = JSON.parse(stdout);
      expect(code).toBe(5);
      expect(new Set(findings.map(({ id }: { id: string }) => id))).toEqual(new Set(["prediction-differs"]));
      expect(findings[0].cause).toContain("but the KDC answered");
    });

    it("--fix makes the move work, also through a management server; proved", async () => {
      const through = [...move, "--via", "wac", "--evidence", "ticket"] as const;
      const before = JSON.parse((await prove(...through)).stdout);
      expect(before.moves[0].prediction.works).toBe(false);
      expect(before.moves[0].proof.verdict).toBe("agrees");
      const page = join(live.folder, "after.html");
      const whatIf = await live.as("alice", "doctor", ...through, "--what-if", "--html", page);
      expect(whatIf.stdout).toContain("WSMAN/kvm01.lab.test");
      expect(whatIf.stdout).toContain("After the plan: 1 of 1 moves work.");
      expect(readFileSync(page, "utf8")).toContain("Moves started through a management server");
      const { code, stdout, stderr } = await live.as(
        "Administrator",
        "doctor",
        ...through,
        "--fix",
        "--yes",
        "--undo",
        undoFile("fix"),
      );
      expect(stderr).toBe("");
      expect(stdout).toContain("read back and found as planned");
      expect(code).toBe(0);
      expect(await live.values("WAC$", list)).toEqual(["WSMAN/kvm01.lab.test"]);
      const after = JSON.parse((await prove(...through)).stdout);
      expect(after.moves[0].prediction.works).toBe(true);
      expect(after.moves[0].proof.verdict, JSON.stringify(after.moves[0].proof, undefined, 1)).toBe("agrees");
      await takeBack(undoFile("fix"));
    });

    it("--html tells of the start that was asked about", async () => {
      const page = join(live.folder, "page.html");
      await aboutHosts("--start", "at-source", "--html", page);
      expect(readFileSync(page, "utf8")).toContain("Moves started at the source host");
      const { stdout } = await live.as(
        "alice",
        "doctor",
        ...move,
        "--via",
        "wac",
        "--evidence",
        "ticket",
        "--html",
        page,
      );
      expect(stdout).toContain(`Report: ${page}`);
      const text = readFileSync(page, "utf8");
      expect(text).toContain("Moves started through a management server");
      expect(text).toContain("WSMAN/kvm01.lab.test");
    });

    it("compares the controllers and their clocks, and says who may change what", async () => {
      const { stdout, stderr } = await aboutHosts("--json");
      expect(stderr).toBe("");
      const { controllers, kdcs, findings } = JSON.parse(stdout);
      expect(controllers).toMatchObject([{ name: expect.stringMatching(/^dc1\.lab\.test$/i) }]);
      for (const { clock, failure } of [...controllers, ...kdcs]) {
        expect(failure).toBeUndefined();
        expect(Math.abs(clock.ahead)).toBeLessThan(5000);
      }
      const ids = findings.map(({ id }: { id: string }) => id);
      expect(ids.filter((id: string) => id.startsWith("controller"))).toEqual([]);
      const text = await aboutHosts();
      expect(text.stdout).toMatch(
        /The only controller that is known: dc1\.lab\.test; clocks within \d\.\d s/i,
      );
      // Descriptors were read, and nobody unexpected is in them.
      expect(JSON.stringify(findings)).not.toContain("nTSecurityDescriptor");
      const gone = await live.as(
        "alice",
        "doctor",
        ...move,
        "--evidence",
        "ticket",
        "--dc",
        "dc1.lab.test",
        "127.0.0.1:1",
        "--json",
      );
      const silent = JSON.parse(gone.stdout).findings;
      expect(silent.map(({ id }: { id: string }) => id)).toEqual(["controller-unreachable"]);
    });
  });
});
