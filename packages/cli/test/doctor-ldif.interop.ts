import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportLdif, MemoryDirectory, migrationServiceClass } from "@waybill/directory";
import { parse } from "valibot";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { movesDocument, reportDocument } from "./support/doctor-documents.ts";
import { type Outcome, waybill } from "./support/waybill.ts";

// The doctor as a person runs it over exports, with nothing else there.

let folder: string;
const file = (name: string): string => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "waybill-doctor-"));
  writeFileSync(file("small.ldif"), exported(3));
  writeFileSync(file("large.ldif"), exported(40));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function exported(count: number): string {
  const directory = new MemoryDirectory({ realm: "LAB.TEST" });
  for (const name of ["alice", "bob", "sens"]) {
    directory.createUser({ name, password: "Passw0rd!", sensitive: name === "sens" });
    directory.addMember("Hyper-V Administrators", name);
  }
  const hosts = Array.from({ length: count }, (_, index) => `HV${String(index).padStart(2, "0")}`);
  for (const name of hosts) directory.createComputer({ name, migration: true });
  for (const [index, name] of hosts.entries()) {
    const next = hosts[(index + 1) % count] ?? "";
    directory.setDelegation(name, {
      to: [migrationServiceClass, "cifs"].flatMap((service) =>
        [next, `${next.toLowerCase()}.lab.test`].map((host) => `${service}/${host}`),
      ),
      protocol: index === 0 ? "kerberos" : "any",
    });
  }
  return [...exportLdif(directory)].join("");
}

async function doctor(...args: readonly string[]): Promise<Outcome> {
  return await waybill(["doctor", ...args]);
}

const lines = (text: string): number => text.trimEnd().split("\n").length;

describe("waybill doctor --ldif", () => {
  it("says no more than a screen holds, and everything when asked", async () => {
    const brief = await doctor("--ldif", file("large.ldif"));
    expect(brief.code).toBe(5);
    expect(lines(brief.stdout)).toBeLessThanOrEqual(80);
    expect(brief.stdout).toMatch(/^lab\.test: \d+ accounts, 40 hosts, 3 people/);
    expect(brief.stdout).toContain("× 40 [delegation-one-way]");
    expect(brief.stdout).toContain("--all");
    const whole = await doctor("--ldif", file("large.ldif"), "--all");
    expect(lines(whole.stdout)).toBeGreaterThan(500);
    expect(whole.stdout).toContain("Set-ADComputer");
  });

  it("ends with a status by severity", async () => {
    const status = async (line: string): Promise<number | null> =>
      (await doctor("--ldif", file("small.ldif"), "--fail-on", line)).code;
    expect(await status("error")).toBe(5);
    expect(await status("critical")).toBe(0);
  });

  it("gives the documented document, of a directory and of one move", async () => {
    const { stdout } = await doctor("--ldif", file("small.ldif"), "--json");
    const report = parse(reportDocument, JSON.parse(stdout));
    expect(report.hosts).toEqual(["HV00$", "HV01$", "HV02$"]);
    expect(report.matrix.cells).toHaveLength(18);
    const one = await doctor(
      "--ldif",
      file("small.ldif"),
      "--json",
      "--from",
      "hv00",
      "--to",
      "hv01",
      "--person",
      "alice",
      "sens",
    );
    const { moves } = parse(movesDocument, JSON.parse(one.stdout));
    expect(moves.map(({ findings }) => findings[0]?.id)).toEqual([
      "protocol-transition-off",
      "person-not-delegable",
    ]);
    expect(one.code).toBe(5);
  });

  it("tells why one move fails, in a sentence that names object and attribute; a page of it too", async () => {
    const page = file("page.html");
    const { stdout } = await doctor(
      "--ldif",
      file("small.ldif"),
      "--html",
      page,
      "--from",
      "hv00",
      "--to",
      "hv01",
      "--person",
      "alice",
      "bob",
    );
    expect(stdout).toContain("alice can move nothing from HV00$ to HV01$");
    expect(stdout).toContain("userAccountControl");
    // bob fares as alice does: his exchanges are not told again.
    expect(stdout.match(/refused/g)).toHaveLength(
      stdout.split("bob can move nothing")[0]!.match(/refused/g)!.length,
    );
    expect(readFileSync(page, "utf8")).toContain("bob: HV00");
  });

  it("says what a file hides or lacks, and what is no export", async () => {
    const text = readFileSync(file("small.ldif"), "utf8");
    writeFileSync(file("cut.ldif"), text.slice(0, text.lastIndexOf("objectClass") + 5));
    const cut = await doctor("--ldif", file("cut.ldif"), "--json", "--fail-on", "notice");
    const { findings } = parse(reportDocument, JSON.parse(cut.stdout));
    expect(findings.map(({ id }) => id)).toContain("source-damaged");
    writeFileSync(file("none.ldif"), "this is no export\n");
    const none = await doctor("--ldif", file("none.ldif"));
    expect(none).toMatchObject({ code: 1 });
    expect(none.stderr).toContain("nothing in the source belongs to a domain");
    const missing = await doctor("--ldif", file("missing.ldif"));
    expect(missing).toMatchObject({ code: 1 });
    expect(missing.stderr).toContain("cannot be read: ENOENT");
  });
});
