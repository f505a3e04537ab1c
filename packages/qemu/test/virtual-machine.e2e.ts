import { readFile, stat } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { VirtualMachine } from "../src/index.ts";
import { beats, GuestFixture, reported, typeOnConsole } from "./support/guests.ts";

describe("a guest under TCG", () => {
  let fixture: GuestFixture;
  let vm: VirtualMachine;
  beforeAll(async () => {
    fixture = await GuestFixture.create();
    vm = await fixture.boot({ overrides: { video: "std" } });
  });
  afterAll(async () => await fixture.destroy());

  test("boots, reports and has a console with a shell", async () => {
    expect(await vm.status()).toEqual({ state: "running", running: true });
    expect(await reported(vm, /GUEST-READY uptime=[\d.]+/)).toContain("GUEST-READY");
    expect(await typeOnConsole(vm, "echo $((6*7))", /\b42\b/)).toBe("42");
    expect(await readFile(vm.paths.consoleLog, "latin1")).toContain("GUEST-READY");
  });

  test("stands still while paused and goes on when resumed", async () => {
    await vm.pause();
    expect(await vm.status()).toEqual({ state: "paused", running: false });
    await vm.resume();
    expect(await beats(vm)).toBe(true);
  });

  test("shows its display as PNG", async () => {
    const image = await vm.screenshot();
    expect(Buffer.from(image.subarray(1, 4)).toString()).toBe("PNG");
  });

  test("runs sandboxed, and its memory is no multiple of 256 KiB", async () => {
    const status = await readFile(`/proc/${vm.process.pid}/status`, "utf8");
    expect(status).toMatch(/Seccomp:\s+2/);
    expect((128 * 1024 + 8) % 256).not.toBe(0);
    expect(await readFile(`/proc/${vm.process.pid}/cmdline`, "utf8")).toContain(`size=${128 * 1024 + 8}K`);
  });

  test("outlives the connection and is taken up again, with a second socket for observers", async () => {
    await vm.detach();
    expect(await vm.alive()).toBe(true);
    const again = await VirtualMachine.attach(vm.directory);
    expect(again.definition).toEqual(vm.definition);
    expect(again.process).toEqual(vm.process);
    const observer = await again.observe();
    const paused = observer.waitForEvent("STOP", ({ name }) => name === "STOP");
    await again.pause();
    expect((await paused).name).toBe("STOP");
    observer.close();
    await again.resume();
    await again.detach();
    // The first object finds its way back by itself.
    expect((await vm.status()).running).toBe(true);
  });

  test("a second start in the same directory is refused", async () => {
    const { definition, directory } = vm;
    const second = VirtualMachine.start({ definition, directory, accelerator: "tcg" });
    await expect(second).rejects.toMatchObject({ code: "VM_ALREADY_RUNNING" });
  });

  test("a guest that ignores the power button needs force", async () => {
    await expect(vm.stop({ mode: "graceful", timeout: 300 })).rejects.toMatchObject({
      code: "VM_DID_NOT_STOP",
    });
    await vm.reset();
    await vm.stop({ mode: "force" });
    expect(await vm.alive()).toBe(false);
    expect((await vm.status()).state).toBe("gone");
    await expect(VirtualMachine.attach(vm.directory)).rejects.toMatchObject({ code: "VM_GONE" });
  });

  test("QEMU's own words when it does not start", async () => {
    const definition = { ...vm.definition, machine: "pc-q35-99.9" };
    const started = VirtualMachine.start({
      definition,
      directory: `${fixture.directory}/x`,
      accelerator: "tcg",
    });
    await expect(started).rejects.toMatchObject({
      code: "VM_START_FAILED",
      message: expect.stringContaining("unsupported machine type") as string,
    });
  });

  test("as an unprivileged user, QEMU cannot touch its record", async () => {
    const directory = `${fixture.directory}/nobody`;
    const runAs = { uid: 65534, gid: 65534 };
    // The fixture's folder is private; the state directory's parents must let the user through.
    await import("node:fs/promises").then(({ chmod }) => chmod(fixture.directory, 0o711));
    const { definition } = vm;
    const kernelless = { ...definition, boot: undefined };
    const other = await VirtualMachine.start({
      definition: kernelless,
      directory,
      accelerator: "tcg",
      runAs,
    });
    fixture.track(other);
    expect(await readFile(`/proc/${other.process.pid}/status`, "utf8")).toMatch(/Uid:\s+65534\s+65534/);
    expect((await stat(other.paths.record)).uid).toBe(0);
    expect((await stat(other.paths.control)).uid).toBe(65534);
  });
});
