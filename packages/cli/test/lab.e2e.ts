import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mustWork, processesWith, TestLab } from "./support/lab.ts";
import { runToEnd, waybill, waybillCommand } from "./support/waybill.ts";

// The lab as a new user meets it: started, used by its printed hints with MIT's tools and the command line, ended.
const lab = TestLab.prepare();
let hints: string;

beforeAll(async () => {
  hints = (await lab.up()).stdout;
});

afterAll(async () => {
  await lab.end();
});

async function signIn(person: string): Promise<void> {
  mustWork(await lab.program("kinit", [person], lab.password(person)));
}

test("lab up prints what to do next", () => {
  for (const name of Object.keys(lab.environment)) expect(hints).toContain(`${name}=`);
  for (const words of ["kinit alice", "vm list", "move web01", "audit", "lab down"])
    expect(hints).toContain(words);
});

test("a second lab up in the same place is refused", async () => {
  const { code, stderr } = await lab.lab("up");
  expect(code).toBe(1);
  expect(stderr).toContain("LAB_EXISTS");
});

test("MIT's kinit and klist work with the lab's files", async () => {
  await signIn("alice");
  const { stdout } = mustWork(await lab.program("klist", ["-f"]));
  expect(stdout).toContain("krbtgt/LAB.TEST@LAB.TEST");
  expect(stdout).toMatch(/Flags: F/);
});

test("vm list shows the machine, for people and as JSON", async () => {
  await signIn("alice");
  expect(mustWork(await lab.waybill("vm", "list", "--host", "kvm01")).stdout).toMatch(/web01\s+running/);
  const { stdout } = mustWork(await lab.waybill("vm", "list", "--host", "kvm01", "--json"));
  expect(JSON.parse(stdout)).toMatchObject([{ name: "web01", state: "running" }]);
});

test("move, there with words and back as JSON", async () => {
  await signIn("alice");
  const there = mustWork(await lab.waybill("move", "web01", "--from", "kvm01", "--to", "kvm02", "--explain"));
  expect(there.stdout).toContain("web01 runs on kvm02.");
  expect(there.stdout).toContain("S4U2Proxy");
  expect(there.stdout).not.toContain("\u001b");
  const back = mustWork(await lab.waybill("move", "web01", "--from", "kvm02", "--to", "kvm01", "--json"));
  expect(JSON.parse(back.stdout)).toMatchObject({ moved: "web01", to: "kvm01", person: "alice@LAB.TEST" });
});

test("audit names the person and the delegating host", async () => {
  await signIn("alice");
  const args = ["audit", "--host", "kvm01.lab.test", "kvm02.lab.test"];
  const { stdout } = mustWork(await lab.waybill(...args));
  expect(stdout).toMatch(/alice@LAB\.TEST/);
  expect(stdout).toMatch(/WSMAN\/kvm01\.lab\.test@LAB\.TEST/);
  const records = mustWork(await lab.waybill(...args, "--json"))
    .stdout.trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { person: string });
  expect(records.some(({ person }) => person === "alice@LAB.TEST")).toBe(true);
});

test("a sensitive person's move exits with 3, in words and as JSON", async () => {
  await signIn("carol");
  const route = ["move", "web01", "--from", "kvm01", "--to", "kvm02"];
  const { code, stderr } = await lab.waybill(...route);
  expect(stderr).toContain("0x8009030E");
  expect(stderr).toContain("sensitive");
  expect(code).toBe(3);
  const json = await lab.waybill(...route, "--json");
  expect(json.code).toBe(3);
  expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: "NO_SUITABLE_CREDENTIALS" } });
});

test("somebody who is not signed in is refused with 3", async () => {
  const { code, stderr } = await waybill(["vm", "list", "--host", "kvm01"], {
    env: { ...lab.environment, KRB5CCNAME: join(lab.state, "ws", "nobody") },
  });
  expect(stderr).toContain("NOT_LOGGED_IN");
  expect(code).toBe(3);
});

test("a host that does not answer exits with 4", async () => {
  await signIn("alice");
  const config = join(lab.state, "away.yaml");
  writeFileSync(config, "hosts:\n  kvm01.lab.test: {address: 127.0.0.1, port: 1}\n");
  const { code } = await waybill(["vm", "list", "--host", "kvm01"], {
    env: { ...lab.environment, WAYBILL_CONFIG: config },
  });
  expect(code).toBe(4);
});

test("wrong usage exits with 2", async () => {
  for (const args of [["move", "web01"], ["lab", "frobnicate"], ["frobnicate"], ["vm", "list", "--nonsense"]])
    expect((await waybill(args)).code, args.join(" ")).toBe(2);
});

test("NO_COLOR wins over a wish for colour", async () => {
  const forced = { FORCE_COLOR: "1" };
  const coloured = await waybill(["lab", "up", "--state", lab.state], { env: { ...forced, NO_COLOR: "" } });
  expect(coloured.stderr).toContain("\u001b[");
  const plain = await waybill(["lab", "up", "--state", lab.state], { env: { ...forced, NO_COLOR: "1" } });
  expect(plain.stderr).not.toContain("\u001b[");
});

test("help of every command group", async () => {
  const { stdout } = mustWork(await waybill(["--help"]));
  const groups = [...stdout.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name ?? "").filter(Boolean);
  expect(groups).toEqual(expect.arrayContaining(["move", "vm", "host", "audit", "doctor", "ticket", "lab"]));
  for (const group of groups) {
    const { code, stdout: help } = await waybill([group, "--help"]);
    expect(code, group).toBe(0);
    expect(help, group).toContain("Usage: waybill");
    expect(help.split("\n").length, group).toBeLessThan(60);
  }
});

test("an unprivileged user has a lab beside this one, and lab down leaves nothing of it", async () => {
  const home = mkdtempSync(join(tmpdir(), "wb-nobody-"));
  mustWork(await runToEnd("chown", ["nobody", home], {}));
  const env = { HOME: home, TMPDIR: home, XDG_CACHE_HOME: join(home, ".cache"), NO_COLOR: "1" };
  const state = join(home, "lab");
  const asNobody = async (...args: readonly string[]) =>
    await runToEnd("runuser", ["-u", "nobody", "--", ...waybillCommand, "lab", ...args, "--state", state], {
      env,
    });
  try {
    mustWork(await asNobody("up"));
    expect(processesWith(state).length).toBeGreaterThan(3);
    const { stdout } = mustWork(await asNobody("run", "ws2012r2", "--json"));
    expect(JSON.parse(stdout)).toEqual([{ scenario: "ws2012r2", problems: [] }]);
    // The first lab never noticed.
    await signIn("bob");
    expect(mustWork(await lab.waybill("vm", "list", "--host", "kvm01")).stdout).toMatch(/web01\s+running/);
    mustWork(await asNobody("down"));
    expect(processesWith(state)).toEqual([]);
    expect(existsSync(state)).toBe(false);
  } finally {
    await asNobody("down");
    rmSync(home, { recursive: true, force: true });
  }
});

test("lab down leaves no process and no file, and may be said twice", async () => {
  mustWork(await lab.lab("down"));
  expect(processesWith(lab.state)).toEqual([]);
  expect(existsSync(lab.state)).toBe(false);
  mustWork(await lab.lab("down"));
  const { code, stderr } = await lab.lab("run", "no-such-scenario");
  expect(stderr).toContain("SCENARIO_UNKNOWN");
  expect(code).toBe(1);
});
