// Two hosts in network namespaces of their own, and a third one the guest talks to while it moves.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createConnection } from "node:net";
import { sleep } from "@waybill/base";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { waybillCommand } from "../packages/cli/test/support/waybill.ts";
import { Namespaces } from "./support/namespaces.ts";
import { mustWork, Site, type SiteHost } from "./support/site.ts";

const talkerScript = new URL("./support/tcp-talker.mjs", import.meta.url).pathname;
let net: Namespaces;
let site: Site;

beforeAll(async () => {
  net = await Namespaces.create();
  site = await Site.up({
    addresses: net.addresses,
    enter: (part) => net.enter(part),
    network: () => ({ kind: "tap", interface: net.tap }),
  });
  await site.startGuest("web01", { ip: `${net.guest}/24`, heartbeat: "100000", fill: "48" });
  await site.guestSays("kvm01", /FILLED/);
  await typeOnConsole("while :; do nc -l -p 9000 -e cat; done &");
});

afterAll(async () => {
  await site?.down();
  await net?.destroy();
});

/** Types a line on the guest's console, whose shell says when it has carried it out. */
async function typeOnConsole(line: string): Promise<void> {
  const socket = createConnection({ path: await site.consoleSocket("kvm01") });
  let said = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  try {
    socket.write(`\n${line} echo typ""ed\n`);
    await vi.waitUntil(() => said.includes("typed"), { timeout: 60_000 });
  } finally {
    socket.destroy();
  }
}

interface Talk {
  readonly connected: boolean;
  readonly sent: number;
  readonly received: number;
  readonly inOrder: boolean;
  readonly longestSilence: number;
  readonly error?: string;
}

/** A program of the third namespace, its output so far and how to end it. */
class Outsider {
  readonly #child: ChildProcessWithoutNullStreams;
  said = "";

  constructor(command: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const [program = "", ...args] = [...net.enter("workstation"), ...command];
    this.#child = spawn(program, args, { env: { ...process.env, ...env } });
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.said += text;
    });
  }

  get code(): number | null {
    return this.#child.exitCode;
  }

  async end(how: "SIGINT" | "end of input"): Promise<string> {
    const closed = new Promise<void>((resolve) => this.#child.once("close", () => resolve()));
    if (how === "SIGINT") this.#child.kill("SIGINT");
    else this.#child.stdin.end();
    await closed;
    return this.said;
  }
}

async function startTalking(): Promise<Outsider> {
  for (let tries = 0; tries < 20; tries++) {
    const talker = new Outsider([process.execPath, talkerScript, net.guest, "9000"]);
    for (let waited = 0; waited < 50 && !talker.said.includes("connected"); waited++) await sleep(100);
    if (talker.said.includes("connected")) return talker;
    await talker.end("end of input");
  }
  throw new Error("the guest accepts no connection");
}

/** Alice's move; how long the guest stood still in it, in milliseconds. */
async function move(from: SiteHost, to: SiteHost): Promise<number> {
  const order = ["move", "web01", "--from", from, "--to", to, "--json"];
  const { stdout } = mustWork(await site.waybill("alice", ...order));
  return (JSON.parse(stdout) as { downtime?: number }).downtime ?? 0;
}

function score(said: string): Talk {
  return JSON.parse(said.trim().split("\n").at(-1) ?? "") as Talk;
}

describe("Hosts in separate network namespaces", () => {
  test("a TCP connection from a third namespace survives the move there and back, and so do pings", async () => {
    const talker = await startTalking();
    const ping = new Outsider(["ping", "-i", "0.1", net.guest]);
    await sleep(500);
    let stoodStill = await move("kvm01", "kvm02");
    expect([await site.states("kvm01"), await site.states("kvm02")]).toEqual([[], ["running"]]);
    await sleep(500);
    stoodStill += await move("kvm02", "kvm01");
    expect([await site.states("kvm01"), await site.states("kvm02")]).toEqual([["running"], []]);
    await sleep(500);

    const talk = score(await talker.end("end of input"));
    expect(talk).toMatchObject({ connected: true, inOrder: true });
    expect(talk.error).toBeUndefined();
    expect(talk.sent).toBeGreaterThan(50);
    expect(talk.received).toBe(talk.sent);
    const [, transmitted, answered] =
      /(\d+) packets transmitted, (\d+) received/.exec(await ping.end("SIGINT")) ?? [];
    expect(Number(transmitted)).toBeGreaterThan(15);
    // A tenth of a second between pings: none is lost but while the guest stood still, by QEMU's count.
    expect(Number(transmitted) - Number(answered)).toBeLessThan(10 + stoodStill / 100);
  });

  test("the destination's cable is pulled during the move, which is cancelled: the machine goes on where it was, and only there", async () => {
    const talker = await startTalking();
    const order = ["move", "web01", "--from", "kvm01", "--to", "kvm02", "--bandwidth", "5000000"];
    const move = new Outsider([...waybillCommand, ...order], site.environment("alice"));
    await expect.poll(async () => await site.states("kvm02"), { timeout: 60_000 }).toEqual(["inmigrate"]);
    await sleep(500);
    await net.cable("kvm02", "down");
    await sleep(2000);
    expect(await site.states("kvm01")).toEqual(["running"]);
    // Nobody waits until the hosts give up by themselves: Ctrl-C asks the source to cancel.
    await move.end("SIGINT");
    expect(move.code).not.toBe(0);
    expect(await site.states("kvm01")).toEqual(["running"]);
    await net.cable("kvm02", "up");
    await expect
      .poll(async () => await site.states("kvm02"), { timeout: 120_000, interval: 250 })
      .toEqual([]);
    expect(await site.states("kvm01")).toEqual(["running"]);
    const talk = score(await talker.end("end of input"));
    expect(talk).toMatchObject({ connected: true, inOrder: true });
    expect(talk.received).toBe(talk.sent);
  });

  test("once the cable is back, the same move works", async () => {
    const talker = await startTalking();
    mustWork(await site.waybill("alice", "move", "web01", "--from", "kvm01", "--to", "kvm02"));
    expect([await site.states("kvm01"), await site.states("kvm02")]).toEqual([[], ["running"]]);
    const talk = score(await talker.end("end of input"));
    expect(talk.received).toBe(talk.sent);
  });
});
