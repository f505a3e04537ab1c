import { readdir, readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LabSwitch, type MigrationProgress, type VirtualMachine, verifyDisk } from "../src/index.ts";
import { beats, GuestFixture, newSecret, reported } from "./support/guests.ts";

const ip = "10.77.0.21";
const patient = { timeout: 30_000 } as const;

describe("live migration", () => {
  let fixture: GuestFixture;
  beforeAll(async () => {
    fixture = await GuestFixture.create();
  });
  afterAll(async () => await fixture.destroy());

  test("a guest under memory load moves over TLS-PSK, and the network hardly notices", async () => {
    const lab = new LabSwitch({ ip: "10.77.0.1", directory: fixture.directory });
    try {
      const orders = { ip: `${ip}/24`, heartbeat: "1000,10.77.0.1,7007", dirty: "24,48" };
      const vm = await fixture.boot({ orders, network: await lab.addPort("a", "stream") });
      await reported(vm, /DIRTY mib/);
      expect(await lab.ping(ip, patient)).toBeGreaterThan(0);
      const pings = lab.watchPings(ip, 10);
      const heart = lab.watchHeartbeat(ip);
      const passes: MigrationProgress[] = [];
      const secret = newSecret();
      const network = await lab.addPort("b", "stream");
      const onProgress = (progress: MigrationProgress): void => void passes.push(progress);
      const { source, target } = await fixture.move(vm, { secret, network, onProgress, interval: 20 });

      expect(await readdir(fixture.secrets)).toEqual([]);
      for (const { process } of [vm, target.vm])
        expect(await readFile(`/proc/${process.pid}/cmdline`, "utf8")).not.toContain(
          Buffer.from(secret.key).toString("hex"),
        );
      expect((await vm.status()).running).toBe(false);
      await expect(vm.resume()).rejects.toMatchObject({ code: "VM_HANDED_OVER" });
      const summary = await source.summary();
      expect(summary.totalTime).toBeGreaterThan(0);
      expect(summary.transferred).toBeGreaterThan(24 << 20);
      await source.quit();
      await target.tidy();
      expect(await beats(target.vm)).toBe(true);
      await lab.ping(ip, patient);
      const seen = heart.stop();
      const answered = pings.stop();
      expect(seen.largestGap).toBeLessThan(15_000);
      expect(seen.received).toBeGreaterThan(100);
      expect(answered.received).toBeGreaterThan(10);
      expect(lab.locate("52:54:00:10:00:01")).toBe("b");
      expect(passes.some(({ phase, remaining }) => phase === "memory" && remaining > 0)).toBe(true);
      await target.vm.stop({ mode: "force" });
    } finally {
      await lab.close();
    }
  });

  test("disks follow, with no acknowledged write lost, over two channels with zstd; and back", async () => {
    const vm = await fixture.boot({ orders: { disk: "/dev/vda,16,4096" }, diskBytes: 32 << 20 });
    await reported(vm, /DISK acked/);
    const migration = { channels: 2, compression: "zstd" } as const;
    const first = await fixture.move(vm, { migration, interval: 50 });
    const onSource = /acked=(\d+)/g;
    const acknowledged = Math.max(
      ...[...(await readFile(vm.paths.reportLog, "utf8")).matchAll(onSource)].map(([, count]) =>
        Number(count),
      ),
    );
    await first.source.quit();
    await first.target.tidy();
    const { vm: moved } = first.target;
    await reported(moved, /DISK acked/);
    const back = await fixture.move(moved, { migration, interval: 50 });
    await back.source.quit();
    await reported(back.target.vm, /DISK acked/);
    await back.target.vm.pause();
    const latest = [...(await readFile(back.target.vm.paths.reportLog, "utf8")).matchAll(onSource)].at(-1);
    await back.target.vm.kill();
    const [disk] = back.target.vm.definition.disks;
    const verdict = await verifyDisk(disk!.path, 16 << 20, Number(latest?.[1]));
    expect(verdict.lastSequence).toBeGreaterThan(acknowledged);
  });

  test("shared storage: a paused guest stays paused, its image never copied", async () => {
    const vm = await fixture.boot({ orders: { disk: "/dev/vda,8,1024" }, diskBytes: 16 << 20 });
    await reported(vm, /DISK acked/);
    await vm.pause();
    const wish = { secret: newSecret(), sharedDisks: true };
    const target = await fixture.target(vm, wish);
    const source = await fixture.source(vm, wish);
    await source.sendMemory(await target.listen("127.0.0.1"));
    await source.handOver();
    await target.awaitArrival();
    expect((await target.vm.status()).running).toBe(false);
    await target.vm.takeOwnership();
    await source.quit();
    await target.vm.resume();
    await reported(target.vm, /DISK acked/);
    const latest = /HEARTBEAT .* disk=(\d+)/.exec(await reported(target.vm, /HEARTBEAT .* disk=\d+/))?.[1];
    await target.vm.stop({ mode: "force" });
    const { path } = vm.definition.disks[0]!;
    expect((await verifyDisk(path, 8 << 20, Number(latest))).lastSequence).toBeGreaterThan(0);
  });

  test("post-copy on request: the guest runs there while its memory still travels", async () => {
    const wish = { migration: { postCopy: true, maxBandwidth: 16 << 20 }, secret: newSecret() };
    const vm = await fixture.boot({ orders: { fill: "40" } });
    await reported(vm, /FILLED/);
    const target = await fixture.target(vm, wish);
    const source = await fixture.source(vm, wish);
    let asked = false;
    const onProgress = ({ pass }: MigrationProgress): void => {
      if (pass < 1 || asked) return;
      asked = true;
      void source.switchToPostCopy();
    };
    await source.sendMemory(await target.listen("127.0.0.1"), { onProgress, interval: 20 });
    expect(await source.handOver()).toBe("postcopy-active");
    await expect(source.cancel()).rejects.toMatchObject({ code: "POSTCOPY_CANNOT_CANCEL" });
    await target.awaitArrival();
    await target.activate();
    expect(await target.vm.status()).toEqual({ state: "running", running: true });
    await source.awaitCompletion();
    await source.quit();
    expect(await beats(target.vm)).toBe(true);
    await target.vm.kill();
  });

  test("auto-converge slows a guest down that writes faster than the network; limits change on the way", async () => {
    const vm = await fixture.boot({ orders: { dirty: "24,400" } });
    await reported(vm, /DIRTY mib/);
    const migration = { autoConverge: true, maxBandwidth: 64 << 20, downtimeLimit: 20 };
    const wish = { migration, secret: newSecret(), interval: 50 };
    const target = await fixture.target(vm, wish);
    const source = await fixture.source(vm, wish);
    let throttle = 0;
    const onProgress = (progress: MigrationProgress): void => {
      throttle = Math.max(throttle, progress.throttlePercent);
      // Seen at work; what it would go on to do takes half a minute here.
      if (throttle > 0) void source.adjust({ maxBandwidth: 0, downtimeLimit: 1000 });
    };
    await source.sendMemory(await target.listen("127.0.0.1"), { ...wish, onProgress });
    await source.handOver();
    await target.awaitArrival();
    await target.activate();
    expect(throttle).toBeGreaterThan(0);
    await source.quit();
    await target.vm.kill();
  });
});

test("QEMUs of an unprivileged user move a guest and its disk", async () => {
  const fixture = await GuestFixture.create({ uid: 65534, gid: 65534 });
  try {
    const vm = await fixture.boot({ diskBytes: 4 << 20 });
    const { source, target } = await fixture.move(vm, { interval: 20 });
    await source.quit();
    expect(await beats(target.vm)).toBe(true);
    expect(await readFile(`/proc/${target.vm.process.pid}/status`, "utf8")).toMatch(/Uid:\s+65534\s+65534/);
    expect(await readdir(fixture.secrets)).toEqual([]);
  } finally {
    await fixture.destroy();
  }
});

test("a machine that is not there cannot be taken up", async () => {
  const { VirtualMachine: Machine } = await import("../src/index.ts");
  const missing: Promise<VirtualMachine> = Machine.attach("/nonexistent/machine");
  await expect(missing).rejects.toMatchObject({ code: "VM_UNKNOWN" });
});
