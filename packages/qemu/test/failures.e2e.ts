import { readFile } from "node:fs/promises";
import { sleep } from "@waybill/base";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type MigrationProgress,
  MigrationSource,
  type MigrationTarget,
  VirtualMachine,
} from "../src/index.ts";
import { beats, GuestFixture, type MoveWish, newSecret, reported } from "./support/guests.ts";
import { TcpProxy } from "./support/tcp-proxy.ts";

const slow = { maxBandwidth: 8 << 20 } as const;

// One guest lives through all of it: whatever goes wrong, it must be running afterwards, once.
describe("when a migration fails, the guest goes on where it was", () => {
  let fixture: GuestFixture;
  let vm: VirtualMachine;
  beforeAll(async () => {
    fixture = await GuestFixture.create();
    vm = await fixture.boot({ orders: { fill: "24", disk: "/dev/vda,8,512" }, diskBytes: 16 << 20 });
    await reported(vm, /FILLED/);
  });
  afterAll(async () => await fixture.destroy());

  async function expectUnharmed(): Promise<void> {
    expect(await vm.status()).toEqual({ state: "running", running: true });
    expect(await beats(vm)).toBe(true);
    expect(await vm.execute("query-block-jobs")).toEqual([]);
  }

  async function prepare(wish: MoveWish = {}): Promise<{ source: MigrationSource; target: MigrationTarget }> {
    const all = { secret: newSecret(), ...wish };
    return { target: await fixture.target(vm, all), source: await fixture.source(vm, all) };
  }

  test("a destination with another key", async () => {
    const { source, target } = await prepare({ targetSecret: newSecret() });
    const sent = source.sendMemory(await target.listen("127.0.0.1"));
    await expect(sent).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      message: expect.stringContaining("TLS handshake failed") as string,
    });
    const mirrored = source.mirrorDisks(await target.exportDisks("127.0.0.1"));
    await expect(mirrored).rejects.toMatchObject({ code: "QMP_COMMAND_FAILED" });
    await expect(target.activate()).rejects.toMatchObject({ code: "TARGET_NOT_READY" });
    await target.abandon();
    await expectUnharmed();
  });

  test("nobody listens", async () => {
    const { source, target } = await prepare();
    await target.abandon();
    const nowhere = { host: "127.0.0.1", port: 1 };
    await expect(source.sendMemory(nowhere)).rejects.toMatchObject({ code: "MIGRATION_FAILED" });
    await expect(source.mirrorDisks(nowhere)).rejects.toMatchObject({ code: "MIGRATION_UNREACHABLE" });
    await expectUnharmed();
  });

  test("the person cancels while memory travels", async () => {
    const { source, target } = await prepare({ migration: slow });
    const stop = new AbortController();
    const onProgress = ({ transferred }: MigrationProgress): void => {
      if (transferred > 1 << 20) stop.abort();
    };
    const sent = source.sendMemory(await target.listen("127.0.0.1"), {
      signal: stop.signal,
      onProgress,
      interval: 20,
    });
    await expect(sent).rejects.toMatchObject({ code: "ABORTED" });
    await expectUnharmed();
    await target.abandon();
  });

  test("cancelled at the last moment, after the disks were finished", async () => {
    const { source, target } = await prepare();
    await source.mirrorDisks(await target.exportDisks("127.0.0.1"), { interval: 50 });
    await source.sendMemory(await target.listen("127.0.0.1"));
    await source.finishMirror();
    await target.closeStorage();
    expect((await vm.status()).running).toBe(false);
    await expect(target.activate()).rejects.toMatchObject({ code: "TARGET_NOT_READY" });
    expect(await source.cancel()).toEqual({ status: "cancelled", running: true });
    await target.abandon();
    await expectUnharmed();
  });

  test("the destination's QEMU is killed while disks are copied", async () => {
    const { source, target } = await prepare();
    // Not all of the disk can have crossed when it is killed.
    const proxy = await TcpProxy.open(await target.exportDisks("127.0.0.1"), 1 << 16);
    const onProgress = (): void => void target.vm.kill().then(() => proxy.close());
    const mirrored = source.mirrorDisks(proxy.address, { onProgress, interval: 20 });
    await expect(mirrored).rejects.toMatchObject({ code: "MIRROR_FAILED" });
    await expectUnharmed();
  });

  test("the destination's QEMU is killed while memory travels", async () => {
    const { source, target } = await prepare({ migration: slow });
    const onProgress = ({ transferred }: MigrationProgress): void => {
      if (transferred > 1 << 20) void target.vm.kill();
    };
    const sent = source.sendMemory(await target.listen("127.0.0.1"), { onProgress, interval: 20 });
    await expect(sent).rejects.toMatchObject({ code: "MIGRATION_FAILED" });
    await expectUnharmed();
  });

  test("the network falls silent while memory travels", async () => {
    const { source, target } = await prepare({ migration: slow });
    const proxy = await TcpProxy.open(await target.listen("127.0.0.1"));
    const onProgress = ({ transferred }: MigrationProgress): void => {
      if (transferred > 1 << 20) proxy.freeze();
    };
    const sent = source.sendMemory(proxy.address, { onProgress, interval: 20, stallTimeout: 1500 });
    await expect(sent).rejects.toMatchObject({ code: "MIGRATION_STALLED" });
    await expectUnharmed();
    proxy.close();
    await target.abandon();
  });

  test("the network falls silent while disks are copied", async () => {
    const { source, target } = await prepare();
    const proxy = await TcpProxy.open(await target.exportDisks("127.0.0.1"), 1 << 16);
    const mirrored = source.mirrorDisks(proxy.address, { interval: 20, stallTimeout: 1000 });
    await expect(mirrored).rejects.toMatchObject({ code: "MIGRATION_STALLED" });
    await expectUnharmed();
    proxy.close();
    await target.abandon();
  });

  test("the disks' network falls silent while memory travels", async () => {
    const { source, target } = await prepare();
    const proxy = await TcpProxy.open(await target.exportDisks("127.0.0.1"));
    await source.mirrorDisks(proxy.address, { interval: 50 });
    proxy.freeze();
    const sent = source.sendMemory(await target.listen("127.0.0.1"), { interval: 20, stallTimeout: 1500 });
    await expect(sent).rejects.toMatchObject({ code: "MIGRATION_STALLED" });
    await expectUnharmed();
    proxy.close();
    await target.abandon();
  });

  test("the network falls silent during the hand-over: never two that run, even when it comes back", async () => {
    const { source, target } = await prepare();
    const proxy = await TcpProxy.open(await target.listen("127.0.0.1"));
    await source.sendMemory(proxy.address);
    proxy.freeze();
    await expect(source.handOver({ timeout: 700 })).rejects.toMatchObject({ code: "HAND_OVER_UNKNOWN" });
    expect((await source.cancel()).running).toBe(true);
    proxy.thaw();
    await sleep(500);
    expect((await target.vm.status()).running).toBe(false);
    expect((await vm.status()).running).toBe(true);
    await target.abandon();
    proxy.close();
    await expectUnharmed();
  });

  test("whoever drove the source dies: a later one finds the migration and decides", async () => {
    const { source, target } = await prepare();
    await source.sendMemory(await target.listen("127.0.0.1"));
    await vm.detach();
    const again = await VirtualMachine.attach(vm.directory);
    const taken = new MigrationSource(again);
    expect((await taken.status()).status).toBe("pre-switchover");
    expect(await taken.cancel()).toEqual({ status: "cancelled", running: true });
    await again.detach();
    await target.abandon();
    await expectUnharmed();
  });

  test("and at last it moves, its copy found by a later driver, and never do both run", async () => {
    const secret = newSecret();
    const { source, target } = await prepare({ secret });
    const watch = sampleBoth(vm, target.vm);
    await source.mirrorDisks(await target.exportDisks("127.0.0.1"), { interval: 50 });
    await source.sendMemory(await target.listen("127.0.0.1"));
    await source.finishMirror();
    await target.closeStorage();
    await source.handOver();
    await target.awaitArrival();
    await expect(source.cancel()).resolves.toMatchObject({ status: "completed", running: false });
    await target.vm.detach();
    const again = await VirtualMachine.attach(target.vm.directory);
    expect(again.incoming).toBe(true);
    await expect(again.resume()).rejects.toMatchObject({ code: "VM_INCOMING" });
    const taken = fixture.track(again);
    const { MigrationTarget: Target } = await import("../src/index.ts");
    const later = new Target(taken);
    await later.activate();
    await later.activate();
    await expect(later.abandon()).rejects.toMatchObject({ code: "TARGET_ACTIVE" });
    await later.tidy();
    await sleep(100);
    expect(await watch()).toBe(0);
    await source.quit();
    expect(await beats(again)).toBe(true);
  });
});

// QEMU 7.2 corrupts its memory when a write-blocking mirror ends under guest writes: about once in twenty times here.
test("a destination that dies while a busy disk is copied never takes the source with it", async () => {
  const fixture = await GuestFixture.create();
  try {
    const vm = await fixture.boot({ orders: { disk: "/dev/vda,8,8192" }, diskBytes: 16 << 20 });
    await reported(vm, /DISK acked/);
    let interrupted = 0;
    for (let round = 0; interrupted < 12; round++) {
      expect(round).toBeLessThan(100);
      const secret = newSecret();
      const target = await fixture.target(vm, { secret });
      const source = await fixture.source(vm, { secret });
      const stop = new AbortController();
      const onProgress = (): void => (round % 2 === 0 ? void target.vm.kill() : stop.abort());
      const to = await target.exportDisks("127.0.0.1");
      const mirrored = source.mirrorDisks(to, { onProgress, interval: 20, signal: stop.signal }).then(
        () => "too late",
        (error: { code: string }) => error.code,
      );
      // On a slow machine the copy may be whole before the fault is there: then it does not count.
      expect(await mirrored).toMatch(/^(MIRROR_FAILED|ABORTED|too late)$/);
      if ((await mirrored) === "too late") await source.cancel();
      else interrupted++;
      expect(await vm.status()).toEqual({ state: "running", running: true });
      await target.abandon();
    }
    expect(await readFile(vm.paths.reportLog, "utf8")).not.toContain("DISK-ERROR");
    expect(await beats(vm)).toBe(true);
  } finally {
    await fixture.destroy();
  }
});

/** Asks both sides all the time; returns how often the source ran after the destination had. */
function sampleBoth(source: VirtualMachine, target: VirtualMachine): () => Promise<number> {
  let stopped = false;
  let both = 0;
  const sampling = (async () => {
    const [near, far] = [await source.observe(), await target.observe()];
    while (!stopped) {
      const there = await far.execute("query-status");
      const here = await near.execute("query-status");
      if (there.running && here.running) both++;
      await sleep(2);
    }
    near.close();
    far.close();
  })();
  return async () => {
    stopped = true;
    await sampling;
    return both;
  };
}
