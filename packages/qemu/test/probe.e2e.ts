import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  buildGuest,
  defaultMigrationOptions,
  definitionProblems,
  type HostCapabilities,
  migrationProblems,
  parseVmDefinition,
  probeQemu,
  resolveMachine,
} from "../src/index.ts";

describe("the probe of this machine's QEMU", () => {
  let cache: string;
  let found: HostCapabilities;
  beforeAll(async () => {
    cache = await mkdtemp(join(tmpdir(), "wb-probe-"));
    found = await probeQemu({ guest: await buildGuest(), cache });
  });
  afterAll(async () => await rm(cache, { recursive: true }));

  const plain = { name: "web01", uuid: "6f1c1a3e-7a53-4a40-9d5e-3c8f1f1e0a11", memoryMiB: 128 };

  test("finds version, machines, CPU models and what migrations can use", () => {
    expect(found.version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(resolveMachine(found, "q35")).toMatch(/^pc-q35-/);
    expect(found.cpuModels.map(({ name }) => name)).toContain("Skylake-Client");
    expect(found.migration).toMatchObject({ multifd: true, tlsPsk: true, autoConverge: true });
  });

  test("believes in KVM only when a guest booted, says why, and remembers", async () => {
    expect(found.accelerator).toBe(found.kvm.usable ? "kvm" : "tcg");
    expect(found.kvm.reason).not.toBe("");
    const guest = { ...(await buildGuest()), kernel: "/no/such/kernel" };
    expect((await probeQemu({ guest, cache })).kvm).toEqual(found.kvm);
    expect((await probeQemu()).accelerator).toBe("tcg");
  });

  test("tells what this host cannot run or migrate", () => {
    expect(definitionProblems(parseVmDefinition(plain), found)).toEqual([]);
    const odd = parseVmDefinition({ ...plain, machine: "pc-q35-99.0", cpu: { model: "Vax" } });
    expect(definitionProblems(odd, found)).toHaveLength(2);
    const host = parseVmDefinition({ ...plain, cpu: { model: "host" } });
    expect(definitionProblems(host, found, "tcg").join()).toContain("needs KVM");
    const without = { ...found, migration: { ...found.migration, zstd: false } };
    expect(migrationProblems({ ...defaultMigrationOptions, compression: "zstd" }, without)).toHaveLength(1);
  });

  test("a program that is not QEMU is refused", async () => {
    await expect(probeQemu({ program: "/bin/false" })).rejects.toMatchObject({ code: "PROBE_FAILED" });
    await expect(probeQemu({ program: "/no/such/qemu" })).rejects.toMatchObject({ code: "PROBE_FAILED" });
  });
});
