import { copyFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import { silentLogger, sleep } from "@waybill/base";
import { type ConsoleEnd, HyperVClient, SerialConsole, WaybillSerialConsole } from "@waybill/hyperv";
import { testPassword } from "@waybill/kdc/testing";
import type { Credential } from "@waybill/kerberos";
import { buildGuest } from "@waybill/qemu";
import { kerberosSecurity } from "@waybill/wsman";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type RunningListener, runListener } from "../src/index.ts";
import { TwoHosts } from "./support/two-hosts.ts";

type HostNumber = 0 | 1;

/** A person at a console: what they type, and all that was said to them. */
class Sitting {
  readonly console: SerialConsole;
  said = "";
  end: ConsoleEnd | undefined;

  constructor(console: SerialConsole) {
    this.console = console;
  }

  async type(text: string): Promise<void> {
    let rest: Uint8Array = new Uint8Array(Buffer.from(text));
    while (rest.length > 0) rest = rest.subarray(await this.console.write(rest));
  }

  /** The runner's own deadline ends a wait that is in vain. */
  async until(done: (sitting: Sitting) => boolean): Promise<void> {
    while (!done(this) && this.end === undefined) {
      const { bytes, end } = await this.console.read();
      this.said += Buffer.from(bytes).toString("latin1");
      this.end = end;
    }
    if (!done(this)) throw new Error(`ended (${this.end?.reason}) after: ${this.said}`);
  }
}

describe("a machine's console from a workstation: listener, service, QEMU, guest", () => {
  let world: TwoHosts;
  const listeners: RunningListener[] = [];
  const clients: HyperVClient[] = [];
  let dave: Credential;

  beforeAll(async () => {
    world = await TwoHosts.start({
      config: (_host, address) => ({
        listen: { address, port: 0 },
        access: [
          {
            who: ["VM Operators"],
            may: ["list", "operate", "console", "define", "move-out", "accept", "configure", "audit"],
          },
          { who: ["dave"], may: ["list", "operate"] },
        ],
      }),
      machine: async (directory) => {
        const guest = await buildGuest();
        const [kernel, initrd] = ["vmlinuz", "initrd"].map((name) => join(directory, "shared", name));
        await copyFile(guest.kernel, kernel ?? "");
        await copyFile(guest.initrd, initrd ?? "");
        return {
          memoryMiB: 96,
          boot: { kernel, initrd, commandLine: "console=ttyS0 quiet panic=-1" },
        };
      },
    });
    for (const { name } of world.hosts)
      listeners.push(await runListener(join(world.directory, name, "host.yaml"), silentLogger));
    const { domain } = world;
    dave = await domain.client.login({ principal: domain.principal("dave"), password: testPassword });
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });
  afterAll(async () => {
    for (const listener of listeners) await listener.stop();
    await world?.close();
  });

  function connect(tgt: Credential, at: HostNumber = 0): HyperVClient {
    const { domain, hosts } = world;
    const name = hosts[at].fullName;
    const server = domain.principal(`WSMAN/${name}`);
    const ticketSource = async (): Promise<Credential> => await domain.newClient().getTicket({ tgt, server });
    const { host = "", port } = listeners[at] ?? {};
    const client = new HyperVClient({ name, host, port, security: kerberosSecurity({ ticketSource }) });
    clients.push(client);
    return client;
  }

  async function sit(at: HostNumber = 0, takeOver = false): Promise<Sitting> {
    const people = { listener: connect(world.alice, at), speaker: connect(world.alice, at) };
    return new Sitting(await SerialConsole.open(people, world.vm, { takeOver }));
  }

  /** The shell answers what it worked out, and not only what was typed. */
  async function talk(sitting: Sitting, number: number): Promise<void> {
    // Whatever is said until the shell runs is no answer.
    await sitting.type("\n");
    await sitting.until(({ said }) => said.includes("# "));
    await sitting.type(`echo answer-$((${number}*2))\n`);
    await sitting.until(({ said }) => said.includes(`answer-${number * 2}`));
  }

  const open = async (tgt: Credential): Promise<SerialConsole> =>
    await SerialConsole.open({ listener: connect(tgt), speaker: connect(tgt) }, world.vm);

  test("takes what is typed, says what the guest says, and the trail says who was there", async () => {
    const sitting = await sit();
    await talk(sitting, 21);
    await sitting.console.close();
    const records = await connect(world.alice).auditRecords({ vm: "web01" });
    const console = records.filter(({ action }) => action === "console").toReversed();
    expect(console).toMatchObject([
      { outcome: "opened", person: "alice@LAB.TEST", assertedBy: "authentication-authority" },
      {
        outcome: "closed",
        person: "alice@LAB.TEST",
        detail: expect.stringMatching(/^left; \d+ bytes typed/),
      },
    ]);
  });

  test("is refused to somebody who may only start and stop the machine, and that is written down", async () => {
    await expect(open(dave)).rejects.toMatchObject({ code: "ACCESS_DENIED" });
    const records = await connect(world.alice).auditRecords({ person: "dave@LAB.TEST" });
    expect(records).toMatchObject([{ action: "console", outcome: "refused", code: "ACCESS_DENIED" }]);
  });

  test("belongs to the person who opened it, and to their session's name", async () => {
    const { session, host, caller } = await openedOverTheSocket();
    const other = await world.hosts[0].as(dave);
    const unknown = { code: "CONSOLE_UNKNOWN" };
    await expect(other.host.readConsole(other.caller, session, 0, 0)).rejects.toMatchObject(unknown);
    const typed = new Uint8Array(Buffer.from("reboot -f\n"));
    await expect(other.host.writeConsole(other.caller, session, 0, typed)).rejects.toMatchObject(unknown);
    await other.host.closeConsole(other.caller, session);
    await expect(host.readConsole(caller, "no-such", 0, 0)).rejects.toMatchObject(unknown);
    expect(await host.readConsole(caller, session, 0, 0)).not.toHaveProperty("end");
    await host.closeConsole(caller, session);
    await expect(host.readConsole(caller, session, 0, 0)).rejects.toMatchObject(unknown);
  });

  async function openedOverTheSocket() {
    const { host, caller } = await world.hosts[0].as(world.alice);
    return { host, caller, session: await host.openConsole(caller, world.vm, false) };
  }

  test("refuses what no client sends, and goes on", async () => {
    const { session, host, caller } = await openedOverTheSocket();
    const refused = { code: "INVALID_REQUEST" };
    const large = new Uint8Array(64 * 1024 + 1);
    for (const [offset, bytes] of [
      [0, large],
      [1, new Uint8Array(1)],
      [-1, new Uint8Array(1)],
      [0.5, new Uint8Array(1)],
      [0, "text" as unknown as Uint8Array],
    ] as const)
      await expect(host.writeConsole(caller, session, offset, bytes)).rejects.toMatchObject(refused);
    for (const [offset, wait] of [
      [2 ** 50, 0],
      [-1, 0],
      [0, -1],
      [Number.NaN, 0],
    ] as const)
      await expect(host.readConsole(caller, session, offset, wait)).rejects.toMatchObject(refused);
    const { wmi } = connect(world.alice);
    const nobody = WaybillSerialConsole.referenceBy({ VirtualSystemIdentifier: "../../etc" });
    await expect(wmi.invoke(WaybillSerialConsole, nobody, "OpenConsole", {})).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
    expect(await host.writeConsole(caller, session, 0, new Uint8Array([10]))).toBe(1);
    await host.closeConsole(caller, session);
  });

  test("has room for one person, who is named, and can be taken over", async () => {
    const first = await sit();
    await expect(sit()).rejects.toMatchObject({
      code: "CONSOLE_BUSY",
      message: expect.stringContaining("alice@LAB.TEST is at the console of web01"),
    });
    const second = await sit(0, true);
    await first.until(({ end }) => end !== undefined);
    expect(first.end).toMatchObject({ reason: "taken-over", by: "alice@LAB.TEST" });
    await talk(second, 4);
    await second.console.close();
  });

  test("is not shared with a program on the host itself, and is free when that one leaves", async () => {
    const directory = world.hosts[0].machineDirectory(world.vm);
    const local = createConnection(join(directory, "run", "console.sock"));
    await new Promise((resolve) => local.once("connect", resolve));
    await expect(sit()).rejects.toMatchObject({
      code: "CONSOLE_BUSY",
      message: expect.stringContaining("a program on the host itself"),
    });
    local.destroy();
    await (await sit()).console.close();
  });

  test("tells where the machine went, and goes on there", async () => {
    const here = await sit();
    await talk(here, 5);
    const [kvm01, kvm02] = world.hosts;
    expect(await world.outcome(kvm01, await world.move(kvm01))).toMatchObject({ state: "completed" });
    await here.until(({ end }) => end !== undefined);
    expect(here.end).toMatchObject({ reason: "moved", to: kvm02.fullName });
    const there = await sit(1);
    await talk(there, 6);
    expect(await world.outcome(kvm02, await world.move(kvm02))).toMatchObject({ state: "completed" });
    await there.until(({ end }) => end !== undefined);
    expect(there.end).toMatchObject({ reason: "moved", to: kvm01.fullName });
  });

  test("is unknown to a service that was restarted, and can be opened again", async () => {
    const before = await sit();
    await world.hosts[0].kill();
    await world.hosts[0].start();
    await expect(before.until(() => false)).rejects.toMatchObject({ code: "CONSOLE_UNKNOWN" });
    const after = await sit();
    await talk(after, 7);
    await after.console.close();
  });

  test("ends when the guest turns itself off, which is no crash: the machine stays off", async () => {
    const [host] = world.hosts;
    const sitting = await sit();
    await sitting.type("\n");
    await sitting.until(({ said }) => said.includes("# "));
    await sitting.type("poweroff -f\n");
    await sitting.until(({ end }) => end !== undefined);
    expect(sitting.end).toMatchObject({ reason: "stopped" });
    await world.until(async () => (await world.seen(host))?.state === "off", "the machine is off");
    // The supervisor comes round every two seconds.
    await sleep(5000);
    expect(await world.seen(host)).toMatchObject({ state: "off" });
    const { host: service, caller } = await host.as(world.alice);
    await service.requestVmState(caller, world.vm, "running");
    await world.until(async () => (await world.seen(host))?.state === "running", "the machine runs");
  });

  test("ends with the machine, with a word", async () => {
    const sitting = await sit();
    const { host, caller } = await world.hosts[0].as(world.alice);
    await host.requestVmState(caller, world.vm, "off");
    await sitting.until(({ end }) => end !== undefined);
    expect(sitting.end).toMatchObject({ reason: "stopped" });
    await expect(sit()).rejects.toMatchObject({ code: "INVALID_REQUEST" });
  });
});
