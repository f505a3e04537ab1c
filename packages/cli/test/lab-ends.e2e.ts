import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { labAddress, labLayout, labPorts } from "../src/lab/layout.ts";
import { mustWork, processesWith, socketsOf } from "./support/lab.ts";
import { Conversation, waybill } from "./support/waybill.ts";

// How a lab ends when nothing goes as it should: never with something left, never with somebody's files gone.
let parent: string;
let state: string;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "wb-"));
  state = join(parent, "lab");
});

afterEach(async () => {
  await waybill(["lab", "down", "--state", state]);
  rmSync(parent, { recursive: true, force: true });
});

function expectNothingLeft(): void {
  expect(processesWith(state)).toEqual([]);
  expect(socketsOf(state)).toEqual([]);
  expect(existsSync(state)).toBe(false);
}

test.each([
  ["up", "guest image"],
  ["up", "hosts kvm01"],
  ["story", "virtual machine web01"],
  ["story", "waybill move web01"],
])("lab %s that is interrupted after it said %j leaves nothing", async (command, words) => {
  const lab = new Conversation(["lab", command, "--state", state], {});
  await lab.until(words);
  lab.interrupt();
  // As a terminal does when npm is in between, and as people do.
  lab.interrupt();
  expect(await lab.ended).toBe(1);
  expect(lab.said).toContain("ending the lab");
  expectNothingLeft();
});

test("a folder with files of somebody else is neither made a lab nor removed", async () => {
  mkdirSync(state);
  writeFileSync(join(state, "thesis.txt"), "the only copy");
  for (const command of ["up", "down", "story"]) {
    const { code, stderr } = await waybill(["lab", command, "--state", state]);
    expect(stderr).toContain("LAB_PLACE_UNUSABLE");
    expect(code).toBe(1);
  }
  expect(readdirSync(state)).toEqual(["thesis.txt"]);
});

test("a port that is taken is named before anything is started", async () => {
  const [host, port] = [labAddress(labLayout(state), "kvm02"), labPorts.migration];
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen({ host, port }, resolve));
  try {
    const { stderr } = await waybill(["lab", "up", "--state", state]);
    expect(stderr).toContain(`the lab needs port ${port} of ${host}: EADDRINUSE`);
    expect(existsSync(state)).toBe(false);
  } finally {
    taken.close();
  }
});

test("a lab of which a part died says so; one that died whole gives way to a new one", async () => {
  const place = relative(process.cwd(), state);
  mustWork(await waybill(["lab", "up", "--state", place]));
  const kill = (name: string): void => {
    const { pid } = JSON.parse(readFileSync(join(state, "pids", `${name}.json`), "utf8")) as { pid: number };
    process.kill(pid, "SIGKILL");
  };
  kill("kvm02");
  const { stderr } = await waybill(["lab", "run", "ws2012r2", "--state", state]);
  expect(stderr).toMatch(/is not whole: kvm02 ended\n.*LAB_BROKEN\n.*lab down/);
  for (const name of ["kvm01", "dc", "switch"]) kill(name);
  // A listener ends with its service, however that ended; only the guest has nobody to miss.
  await vi.waitUntil(() => processesWith(state).every((line) => line.startsWith("qemu")), {
    timeout: 20_000,
  });
  mustWork(await waybill(["lab", "up", "--state", state]));
  expect(execFileSync("pgrep", ["-fc", `qemu.*${state}`], { encoding: "utf8" })).toBe("1\n");
  mustWork(await waybill(["lab", "down", "--state", place]));
  expectNothingLeft();
});
