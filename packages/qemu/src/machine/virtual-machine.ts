import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Accelerator } from "../definition/command-line.ts";
import type { VmDefinition } from "../definition/vm-definition.ts";
import type { QmpAnswer, QmpCommand, QmpEvent, RunState } from "../qmp/commands.ts";
import type { MigrationInfo } from "../qmp/migration-info.ts";
import { QmpClient, type QmpWaitOptions } from "../qmp/qmp-client.ts";
import { QmpError } from "../qmp-error.ts";
import { type LaunchOptions, launchQemu, readPid } from "./launch.ts";
import { isAlive, killProcess, type ProcessIdentity, waitForEnd } from "./process-identity.ts";
import { readVmRecord, type VmPaths, type VmRecord, vmPaths, writeVmRecord } from "./vm-record.ts";

export interface VmStatus {
  /** QEMU's run state (`running`, `paused`, `inmigrate`, `postmigrate`, …), or `gone`. */
  readonly state: RunState;
  readonly running: boolean;
}

export interface StopOptions extends QmpWaitOptions {
  /** `graceful` presses the power button and waits for the guest; `force` ends QEMU. */
  readonly mode: "graceful" | "force";
}

/**
 * A QEMU on this machine. It lives on when this process ends; {@link VirtualMachine.attach} takes it up
 * again from its state directory. A lost QMP connection is opened anew by the next call.
 *
 * @example const vm = await VirtualMachine.start({ definition, directory: "/run/waybill/vm/web01", accelerator: "tcg" })
 */
export class VirtualMachine {
  readonly directory: string;
  readonly process: ProcessIdentity;
  readonly paths: VmPaths;
  #record: VmRecord;
  #control: QmpClient | undefined;
  #connecting: Promise<QmpClient> | undefined;
  readonly #listeners = new Set<(event: QmpEvent) => void>();

  private constructor(directory: string, process: ProcessIdentity, record: VmRecord, control: QmpClient) {
    this.directory = directory;
    this.process = process;
    this.paths = vmPaths(directory);
    this.#record = record;
    this.#adopt(control);
  }

  /** @throws DefinitionError; QmpError VM_START_FAILED with QEMU's own words, VM_ALREADY_RUNNING. */
  static async start(options: LaunchOptions): Promise<VirtualMachine> {
    const { process, control } = await launchQemu(options);
    return new VirtualMachine(options.directory, process, await readVmRecord(options.directory), control);
  }

  /**
   * Takes up the QEMU that runs in `directory`.
   *
   * @throws QmpError VM_UNKNOWN (no record), VM_GONE (its QEMU does not run any more), VM_MISMATCH.
   */
  static async attach(directory: string, options: QmpWaitOptions = {}): Promise<VirtualMachine> {
    const record = await readVmRecord(directory);
    const process = await readPid(vmPaths(directory));
    if (process === undefined) throw gone(record.definition.name);
    const control = await QmpClient.connect(vmPaths(directory).control, options);
    const { uuid } = await control.execute("query-uuid", {}, options);
    if (uuid !== record.definition.uuid) {
      control.close();
      throw new QmpError(`the QEMU in ${directory} is another machine`, {
        code: "VM_MISMATCH",
        family: "environment",
        facts: { expected: record.definition.uuid, found: uuid },
        remedy: "Another machine was started in this folder: give each machine a folder of its own.",
      });
    }
    return new VirtualMachine(directory, process, record, control);
  }

  get definition(): VmDefinition {
    return this.#record.definition;
  }

  get name(): string {
    return this.#record.definition.name;
  }

  get accelerator(): Accelerator {
    return this.#record.accelerator;
  }

  /** True for a migration's destination that was not told to run yet. */
  get incoming(): boolean {
    return this.#record.role === "incoming";
  }

  /** UNIX socket of the first serial port; its output is also in `paths.consoleLog`. */
  get consoleSocket(): string {
    return this.paths.console;
  }

  /** Runs a QMP command on the service's connection. */
  async execute<C extends QmpCommand>(
    command: C,
    args: Readonly<Record<string, unknown>> = {},
    options: QmpWaitOptions = {},
  ): Promise<QmpAnswer<C>> {
    return await (await this.control(options)).execute(command, args, options);
  }

  /** The service's connection, opened again if it was lost. */
  async control(options: QmpWaitOptions = {}): Promise<QmpClient> {
    if (this.#control !== undefined && !this.#control.closed) return this.#control;
    // QEMU serves one client per socket: callers at the same time must share the new connection.
    this.#connecting ??= this.#reconnect(options).finally(() => {
      this.#connecting = undefined;
    });
    return await this.#connecting;
  }

  /** A connection of one's own to the second QMP socket, for watching; one at a time. */
  async observe(options: QmpWaitOptions = {}): Promise<QmpClient> {
    return await QmpClient.connect(this.paths.observer, options);
  }

  /** Calls `listener` for QEMU's events. Events during a lost connection are not repeated. */
  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async alive(): Promise<boolean> {
    return await isAlive(this.process);
  }

  async status(options: QmpWaitOptions = {}): Promise<VmStatus> {
    try {
      const { status, running } = await this.execute("query-status", {}, options);
      return { state: status, running };
    } catch (error) {
      if (!(await this.alive())) return { state: "gone", running: false };
      throw error;
    }
  }

  /** What QEMU knows of a migration from or to this machine. */
  async migration(options: QmpWaitOptions = {}): Promise<MigrationInfo> {
    return await this.execute("query-migrate", {}, options);
  }

  async pause(options: QmpWaitOptions = {}): Promise<void> {
    await this.execute("stop", {}, options);
  }

  /**
   * Lets the guest go on. A machine that was handed over to another host, or that waits for one, is refused:
   * a second copy might be running.
   *
   * @throws QmpError VM_INCOMING, VM_HANDED_OVER.
   */
  async resume(options: QmpWaitOptions & { readonly reclaim?: boolean } = {}): Promise<void> {
    if (this.incoming) throw notOurs(this.name, "VM_INCOMING", "is the destination of a migration");
    const { state } = await this.status(options);
    const handedOver = state === "postmigrate" || state === "finish-migrate";
    if (state === "inmigrate") throw notOurs(this.name, "VM_INCOMING", "is the destination of a migration");
    if (handedOver && options.reclaim !== true)
      throw notOurs(this.name, "VM_HANDED_OVER", "was handed over to another host");
    await this.execute("cont", {}, options);
  }

  async reset(options: QmpWaitOptions = {}): Promise<void> {
    await this.execute("system_reset", {}, options);
  }

  /**
   * Ends the machine. Afterwards its QEMU is gone.
   *
   * @throws QmpError VM_DID_NOT_STOP when a guest ignores the power button for `timeout` (30 s unless given).
   */
  async stop(options: StopOptions): Promise<void> {
    const { mode, timeout = mode === "graceful" ? 30_000 : 3000, signal } = options;
    await this.execute(
      mode === "graceful" ? "system_powerdown" : "quit",
      {},
      { timeout: 3000, signal },
    ).catch((error: unknown) => {
      // QEMU may be gone before its answer is read.
      if (mode === "graceful" && !(error instanceof QmpError && error.code === "QMP_CLOSED")) throw error;
    });
    if (await waitForEnd(this.process, timeout, signal)) return this.#ended();
    if (mode === "force" && (await killProcess(this.process))) return this.#ended();
    throw new QmpError(`${this.name} did not stop within ${timeout} ms`, {
      code: "VM_DID_NOT_STOP",
      family: "environment",
      facts: { name: this.name, mode },
      remedy:
        mode === "graceful"
          ? "The guest ignores the power button: stop it with force."
          : "Look at its process.",
    });
  }

  /** Ends QEMU at once, without asking it. */
  async kill(): Promise<void> {
    await killProcess(this.process);
    await this.#ended();
  }

  /** What the guest's display shows, as PNG. @throws QmpError when the machine has no display adapter. */
  async screenshot(options: QmpWaitOptions = {}): Promise<Uint8Array> {
    const filename = join(this.paths.run, `screen-${randomUUID()}.png`);
    try {
      await this.execute("screendump", { filename, format: "png" }, options);
      // QEMU's user owns that folder: it must not lead us to somebody else's file.
      const file = await open(filename, constants.O_RDONLY | constants.O_NOFOLLOW);
      try {
        return new Uint8Array(await file.readFile());
      } finally {
        await file.close();
      }
    } finally {
      await rm(filename, { force: true });
    }
  }

  /** Lets go of the connection; the machine runs on. */
  async detach(): Promise<void> {
    await this.#connecting?.catch(() => undefined);
    this.#control?.close();
    this.#control = undefined;
  }

  /** From now on this is the machine, not a copy in the making. Only {@link MigrationTarget.activate} calls it. */
  async takeOwnership(): Promise<void> {
    const record: VmRecord = { ...this.#record, role: "owner" };
    await writeVmRecord(this.directory, record);
    this.#record = record;
  }

  async #reconnect(options: QmpWaitOptions): Promise<QmpClient> {
    if (!(await this.alive())) throw gone(this.name);
    const client = await QmpClient.connect(this.paths.control, options);
    this.#adopt(client);
    return client;
  }

  #adopt(client: QmpClient): void {
    this.#control = client;
    client.onEvent((event) => {
      for (const listener of this.#listeners) listener(event);
    });
  }

  async #ended(): Promise<void> {
    await this.detach();
    for (const path of [this.paths.control, this.paths.observer, this.paths.console, this.paths.pid])
      await rm(path, { force: true });
  }
}

function gone(name: string): QmpError {
  return new QmpError(`${name} does not run any more`, {
    code: "VM_GONE",
    family: "environment",
    facts: { name },
    remedy: "Start it again; its log says why it ended.",
  });
}

function notOurs(name: string, code: string, why: string): QmpError {
  return new QmpError(`${name} ${why} and must not run here`, { code, family: "caller", facts: { name } });
}
