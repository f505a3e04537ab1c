import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { groups } from "../src/commands/groups.ts";
import { mustWork, processesWith, socketsOf, TestLab } from "./support/lab.ts";
import { Conversation, checkout, runToEnd, waybill, waybillCommand } from "./support/waybill.ts";

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
  for (const words of ["kinit alice", "vm list", "vm console web01", "move web01", "audit", "lab down"])
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
  expect(stdout).toMatch(/move-out succeeded +web01 +alice +kvm01 +proved/);
  expect(Math.max(...stdout.split("\n").map(({ length }) => length))).toBeLessThan(81);
  const records = mustWork(await lab.waybill(...args, "--json"))
    .stdout.trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { person: string; delegatingHost?: string });
  expect(records).toContainEqual(
    expect.objectContaining({
      person: "alice@LAB.TEST",
      delegatingHost: "WSMAN/kvm01.lab.test@LAB.TEST",
    }),
  );
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

test("waybill --help names every group of commands", async () => {
  const { stdout } = mustWork(await waybill(["--help"]));
  for (const group of Object.keys(groups)) expect(stdout).toMatch(new RegExp(`^ {2}${group} `, "m"));
});

test("a reader that has seen enough is no error", async () => {
  const line = `${waybillCommand.map((word) => `'${word}'`).join(" ")} doctor --help | head -1`;
  const { stdout, stderr } = mustWork(await runToEnd("bash", ["-o", "pipefail", "-c", line]));
  expect(stdout).toContain("Usage: waybill doctor");
  expect(stderr).toBe("");
});

test("a refusal ends with what the doctor says, read with the person's own ticket", async () => {
  await signIn("carol");
  const { code, stderr } = await lab.waybill("move", "web01", "--from", "kvm01", "--to", "kvm02");
  expect(code).toBe(3);
  expect(stderr).toMatch(/The doctor says: carol can move nothing from KVM01\$ to KVM02\$.*sensitive/);
  // What the host says itself can be typed as it stands.
  const [, command = ""] = /(waybill doctor --person \S+ --from \S+ --to \S+)/.exec(stderr) ?? [];
  await signIn("alice");
  const asked = await lab.waybill(...command.split(" ").slice(1));
  expect(asked.stdout).toContain("carol can move nothing");
  expect(asked.code).toBe(5);
});

test("Ctrl-C during a move asks the host to cancel, and waits for its word", async () => {
  await signIn("alice");
  const args = ["move", "web01", "--from", "kvm01", "--to", "kvm02", "--bandwidth", "1000000"];
  const moving = new Conversation(args, lab.environment);
  await moving.until("] memory");
  moving.interrupt();
  expect(await moving.ended).toBe(1);
  expect(moving.said).toMatch(
    /asking the host to cancel.*cancelled by alice@LAB\.TEST.*MIGRATION_CANCELLED/s,
  );
  expect(mustWork(await lab.waybill("vm", "list", "--host", "kvm01")).stdout).toMatch(/web01\s+running/);
  expect(mustWork(await lab.waybill("vm", "list", "--host", "kvm02")).stdout).not.toContain("web01");
});

test("the console takes what alice types on her workstation, says what the guest says, and follows it", async () => {
  await signIn("alice");
  const console = new Conversation(["vm", "console", "web01", "--host", "kvm01"], lab.environment);
  await console.until("Connected to web01 on kvm01.lab.test; Ctrl-] leaves.");
  console.type("echo $((6*7)) on kvm01\n");
  await console.until("42 on kvm01");
  const other = await lab.waybill("vm", "console", "web01", "--host", "kvm01");
  expect(other.stderr).toMatch(/alice@LAB\.TEST is at the console of web01.*CONSOLE_BUSY.*--take-over/s);
  mustWork(await lab.waybill("move", "web01", "--from", "kvm01", "--to", "kvm02"));
  await console.until("Connected to web01 on kvm02.lab.test");
  console.type("echo $((6*7)) on kvm02\n");
  await console.until("42 on kvm02");
  console.type("\u001d");
  expect(await console.ended).toBe(0);
  mustWork(await lab.waybill("move", "web01", "--from", "kvm02", "--to", "kvm01"));
  const { stdout } = mustWork(await lab.waybill("audit", "--host", "kvm01", "--vm", "web01"));
  expect(stdout).toMatch(/console opened +web01 +alice/);
  await signIn("dave");
  expect((await lab.waybill("vm", "console", "web01", "--host", "kvm01")).code).not.toBe(0);
});

test("in a terminal every key is the guest's but one, and afterwards the terminal is itself again", async () => {
  const words = [...waybillCommand, "lab", "console", "--state", lab.state]
    .map((word) => `'${word}'`)
    .join(" ");
  const script = ["script", "-qec", `stty -a; ${words}; stty -a`, "/dev/null"];
  const terminal = new Conversation([], {}, script);
  await terminal.until("Ctrl-] leaves");
  // Heard from the program itself: before it is the terminal's foreground, Ctrl-C would pass it by.
  terminal.type("sh -c 'echo runs $((40+1)); exec sleep 1000'\r");
  await terminal.until("runs 41");
  terminal.type("\u0003");
  await terminal.until("^C");
  terminal.type("echo $((6*7)) is it\r");
  await terminal.until("42 is it");
  terminal.type("\u001d");
  await terminal.until("Left the console of web01.");
  expect(await terminal.ended).toBe(0);
  const settings = [...terminal.said.matchAll(/[ -]icanon.*[ -]echo /g)].map(([words]) => words);
  expect(settings).toEqual([settings[0], settings[0]]);
});

test("an unprivileged user has a lab beside this one, and lab down leaves nothing of it", async () => {
  const home = mkdtempSync(join(tmpdir(), "wb-nobody-"));
  const ours = join(home, "checkout");
  mkdirSync(ours);
  mustWork(await runToEnd("chown", ["nobody", home]));
  const env = { HOME: home, TMPDIR: home, XDG_CACHE_HOME: join(home, ".cache") };
  const state = join(home, "lab");
  // The checkout may be in a folder that only root can enter: nobody sees it elsewhere.
  const asNobody = async (...args: readonly string[]) =>
    await runToEnd(
      "unshare",
      [
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        'mount --bind "$0" "$1" && cd / && shift && exec runuser -u nobody -- "$@"',
        checkout,
        ours,
        ...waybillCommand.map((word) => word.replace(checkout, ours)),
        "lab",
        ...args,
        "--state",
        state,
      ],
      { env },
    );
  try {
    mustWork(await asNobody("up"));
    expect(processesWith(state).length).toBeGreaterThan(3);
    expect(socketsOf(state).length).toBeGreaterThan(3);
    const { stdout } = mustWork(await asNobody("run", "ws2012r2", "--json"));
    expect(JSON.parse(stdout)).toEqual([{ scenario: "ws2012r2", problems: [] }]);
    // The first lab never noticed.
    await signIn("bob");
    expect(mustWork(await lab.waybill("vm", "list", "--host", "kvm01")).stdout).toMatch(/web01\s+running/);
    mustWork(await asNobody("down"));
    expect(processesWith(state)).toEqual([]);
    // The kernel takes its time with the last packets of connections.
    await expect.poll(() => socketsOf(state)).toEqual([]);
    expect(existsSync(state)).toBe(false);
  } finally {
    await asNobody("down");
    rmSync(home, { recursive: true, force: true });
  }
});

test("every line that lab up prints can be typed; the last one leaves no process, file or socket", async () => {
  const lines = hints.split("\n").filter((line) => line.startsWith("  "));
  expect(lines.length).toBeGreaterThan(8);
  expect(lines.at(-1)).toContain("waybill lab down");
  expect(socketsOf(lab.state).length).toBeGreaterThan(3);
  const { stdout } = mustWork(await runToEnd("bash", ["-e", "-x", "-c", lines.join("\n")]));
  for (const words of [
    "krbtgt/LAB.TEST@LAB.TEST",
    "web01 runs on kvm02.",
    "alice can move machines from KVM01$ to KVM02$",
    "move-out succeeded",
  ])
    expect(stdout).toContain(words);
  expect(processesWith(lab.state)).toEqual([]);
  await expect.poll(() => socketsOf(lab.state)).toEqual([]);
  expect(existsSync(lab.state)).toBe(false);
  mustWork(await lab.lab("down"));
});

test("a scenario nobody knows is refused before a lab is started", async () => {
  const { code, stderr } = await lab.lab("run", "no-such-scenario");
  expect(stderr).toContain("SCENARIO_UNKNOWN");
  expect(code).toBe(1);
});

test("the story tells all of it, and stays up when asked to", async () => {
  const { stdout } = mustWork(await lab.lab("story", "--keep"));
  for (const words of [
    "No credentials are available in the security package (0x8009030E).",
    "lacks TRUSTED_TO_AUTH_FOR_DELEGATION",
    "userAccountControl: 4096 → 16781312",
    "opens: KVM01$ can act for everyone",
    "0 before, 1 after",
    "by its own heartbeat",
    "key from the Kerberos context",
    "alice   kvm01    asserted",
    "alice   kvm02    proved",
    'carol is marked "sensitive and cannot be delegated"',
    "The lab is up.",
  ])
    expect(stdout.replace(/\n +/g, " ")).toContain(words);
  expect(stdout).not.toContain("NOT AS EXPECTED");
  await signIn("alice");
  expect(mustWork(await lab.waybill("vm", "list", "--host", "kvm01")).stdout).toMatch(/web01\s+running/);
});
