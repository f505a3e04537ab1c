import { spawn } from "node:child_process";
import { chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "@waybill/base";
import type { Accelerator } from "../definition/command-line.ts";
import { QmpClient } from "../qmp/qmp-client.ts";
import { ignoreRefusal, QmpError } from "../qmp-error.ts";
import { type KvmVerdict, type ProbeKvmOptions, probeKvm } from "./probe-kvm.ts";

/** What the QEMU installed here can do, as found by asking and trying. */
export interface HostCapabilities {
  readonly version: string;
  readonly machines: readonly MachineType[];
  readonly cpuModels: readonly CpuModel[];
  readonly kvm: KvmVerdict;
  /** KVM where a guest really runs under it, else TCG. */
  readonly accelerator: Accelerator;
  readonly migration: MigrationSupport;
}

export interface MachineType {
  readonly name: string;
  readonly alias?: string | undefined;
  readonly deprecated: boolean;
  readonly maxCpus: number;
}

export interface CpuModel {
  readonly name: string;
  /** Features of the model that TCG here cannot give a guest. */
  readonly missing: readonly string[];
}

export interface MigrationSupport {
  readonly multifd: boolean;
  readonly zstd: boolean;
  readonly autoConverge: boolean;
  readonly tlsPsk: boolean;
  readonly postCopy: boolean;
  /** Why post-copy does not work, in QEMU's words. */
  readonly postCopyReason?: string | undefined;
}

export interface ProbeOptions extends ProbeKvmOptions {
  /** Finds out about KVM too, by booting a guest under it. Without one only TCG counts as working. */
  readonly guest?: ProbeKvmOptions["guest"];
}

/**
 * Asks a QEMU that waits for a migration, so that post-copy's needs at a destination are tried as well. Takes
 * about 0.1 s, and the time of one guest's boot when KVM was never tried here.
 *
 * @throws QmpError PROGRAM_MISSING, PROBE_FAILED.
 */
export async function probeQemu(options: ProbeOptions = {}): Promise<HostCapabilities> {
  const asked = await withIdleQemu(options, async (qmp) => {
    const { version } = await qmp.execute("query-version");
    const machines = await qmp.execute("query-machines");
    const cpuModels = await qmp.execute("query-cpu-definitions");
    const capabilities = await qmp.execute("query-migrate-capabilities");
    const schema = JSON.stringify(await qmp.execute("query-qmp-schema"));
    const postCopyReason = await refusalOf(
      qmp.execute("migrate-set-capabilities", {
        capabilities: [{ capability: "postcopy-ram", state: true }],
      }),
    );
    const migration: MigrationSupport = {
      multifd: capabilities.has("multifd"),
      // Only a QEMU built with zstd lists it beside the other multifd compressions.
      zstd: /"none","zlib","zstd"/.test(schema),
      autoConverge: capabilities.has("auto-converge"),
      tlsPsk: schema.includes('"tls-creds-psk"'),
      postCopy: postCopyReason === undefined,
      postCopyReason,
    };
    return { version, machines, cpuModels, migration };
  });
  const kvm = await probeKvm(asked.version, options);
  return { ...asked, kvm, accelerator: kvm.usable ? "kvm" : "tcg" };
}

/** The versioned name behind an alias such as `q35`: the same hardware on every host that knows it. */
export function resolveMachine(capabilities: HostCapabilities, machine: string): string | undefined {
  return capabilities.machines.find(({ name, alias }) => name === machine || alias === machine)?.name;
}

async function withIdleQemu<T>(options: ProbeOptions, ask: (qmp: QmpClient) => Promise<T>): Promise<T> {
  const { program = "qemu-system-x86_64", runAs, signal } = options;
  const directory = await mkdtemp(join(tmpdir(), "waybill-probe-"));
  if (runAs !== undefined) await chown(directory, runAs.uid, runAs.gid);
  const socket = join(directory, "qmp.sock");
  const monitor = [
    "-chardev",
    `socket,id=qmp,path=${socket},server=on,wait=off`,
    "-mon",
    "chardev=qmp,mode=control",
  ];
  const machine = [
    "-machine",
    "q35,accel=tcg",
    "-m",
    "16",
    "-nodefaults",
    "-no-user-config",
    "-display",
    "none",
  ];
  const identity = runAs === undefined ? {} : runAs;
  const child = spawn(program, [...machine, ...monitor, "-S", "-incoming", "defer"], {
    stdio: "ignore",
    ...identity,
  });
  let ended: unknown;
  child.once("error", (error) => {
    ended = error;
  });
  child.once("exit", (status) => {
    ended ??= new Error(`it ended with status ${status}`);
  });
  try {
    const qmp = await connectWhenReady(socket, () => ended, signal);
    try {
      return await ask(qmp);
    } finally {
      qmp.close();
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `${program} cannot be asked what it can do: ${why}`;
    throw new QmpError(message, {
      code: "PROBE_FAILED",
      family: "environment",
      facts: { program },
      cause,
      remedy: "Check that the program is a QEMU that starts as its user on this machine.",
    });
  } finally {
    child.kill("SIGKILL");
    await rm(directory, { recursive: true, force: true });
  }
}

async function connectWhenReady(
  socket: string,
  ended: () => unknown,
  signal: AbortSignal | undefined,
): Promise<QmpClient> {
  const end = performance.now() + 15_000;
  for (;;) {
    if (ended() !== undefined) throw ended();
    try {
      return await QmpClient.connect(socket, { signal });
    } catch (error) {
      if (!(error instanceof QmpError) || performance.now() > end) throw error;
      await sleep(10, signal);
    }
  }
}

async function refusalOf(command: Promise<unknown>): Promise<string | undefined> {
  try {
    await command;
    return undefined;
  } catch (error) {
    ignoreRefusal(error);
    return error instanceof QmpError ? String(error.facts.description) : "";
  }
}
