import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "@waybill/base";
import {
  type Accelerator,
  type HostCapabilities,
  type LaunchOptions,
  type NetworkAttachment,
  type Placement,
  placeVm,
  probeQemu,
  QmpError,
  resolveMachine,
  VirtualMachine,
  type VmDefinition,
} from "@waybill/qemu";
import { HostError, Hresult } from "../errors.ts";
import type { Journal, VmRecord } from "../journal/journal.ts";
import { MachineFiles, type MachineFilesOptions } from "./machine-files.ts";
import { folderOf, idOf } from "./machine-folder.ts";

export interface VmManagerOptions extends MachineFilesOptions {
  /** Folder for sockets and logs; one folder per VM below it. */
  readonly run: string;
  readonly networks: Readonly<Record<string, NetworkAttachment>>;
  readonly accelerator: Accelerator;
  readonly program?: string | undefined;
}

/** What a VM is doing on this host. */
export type VmState = "running" | "paused" | "off" | "incoming" | "surrendered";

/** The QEMU processes of this host. They outlive the service; each is taken up again when first asked for. */
export class VmManager {
  readonly options: VmManagerOptions;
  readonly files: MachineFiles;
  readonly #journal: Journal;
  readonly #logger: Logger;
  readonly #machines = new Map<string, VirtualMachine>();
  #capabilities: Promise<HostCapabilities> | undefined;
  readonly #clearing = new Map<string, Promise<void>>();
  readonly #starting = new Map<string, Promise<VirtualMachine>>();
  readonly #launching = new Map<string, Promise<VirtualMachine>>();
  readonly #attaching = new Map<string, Promise<VirtualMachine | undefined>>();

  constructor(journal: Journal, options: VmManagerOptions, logger: Logger) {
    this.#journal = journal;
    this.options = options;
    this.files = new MachineFiles(journal, options);
    this.#logger = logger;
  }

  directory(id: string): string {
    return join(this.options.run, "vm", folderOf(id));
  }

  /** The running QEMU of a VM, or nothing when there is none; one that is being started is waited for. */
  async machine(id: string): Promise<VirtualMachine | undefined> {
    const known = this.#machines.get(id);
    if (known !== undefined && (await known.alive())) return known;
    const current = this.#machines.get(id);
    if (current !== known) return current;
    this.#machines.delete(id);
    // QEMU serves one client at a time: taken up by somebody else, it would never answer whoever starts it.
    const launching = this.#launching.get(id);
    return launching === undefined ? await this.#takeUp(id) : await launching.catch(() => undefined);
  }

  /** Connects to a QEMU that another process of ours started. Whoever asks meanwhile shares the new connection. */
  async #takeUp(id: string): Promise<VirtualMachine | undefined> {
    let attaching = this.#attaching.get(id);
    if (attaching === undefined) {
      attaching = this.#attach(this.directory(id)).finally(() => this.#attaching.delete(id));
      this.#attaching.set(id, attaching);
    }
    const machine = await attaching;
    if (machine !== undefined) this.adopt(id, machine);
    return machine;
  }

  async #attach(directory: string): Promise<VirtualMachine | undefined> {
    try {
      return await VirtualMachine.attach(directory, { timeout: 3000 });
    } catch (error) {
      if (error instanceof QmpError && (error.code === "VM_GONE" || error.code === "VM_UNKNOWN"))
        return undefined;
      throw error;
    }
  }

  adopt(id: string, machine: VirtualMachine): void {
    if (this.#machines.get(id) === machine) return;
    this.#machines.set(id, machine);
    machine.onEvent(({ name, data }) => {
      if (name === "SHUTDOWN" && data.reason === "guest-shutdown") this.#poweredOff(id);
    });
  }

  /** A guest that turned itself off is not one whose QEMU crashed: it stays off. */
  #poweredOff(id: string): void {
    const record = this.#journal.vm(id);
    if (record?.custody.state !== "owner" || record.wanted === "stopped") return;
    this.#logger.info("vm-powered-off", { vm: record.name, reason: "its guest turned it off" });
    try {
      this.#journal.changeVm(id, { wanted: "stopped" });
    } catch (error) {
      this.#logger.error("vm-power-off-not-noted", { vm: record.name, error });
    }
  }

  async state(record: VmRecord): Promise<VmState> {
    if (record.custody.state === "surrendered") return "surrendered";
    if (record.custody.state === "incoming") return "incoming";
    const machine = await this.machine(record.id);
    if (machine === undefined) return "off";
    const { running, state } = await machine.status();
    if (state === "gone" || state === "shutdown") return "off";
    return running ? "running" : "paused";
  }

  /** What `launchQemu` needs to start this VM here. */
  launch(definition: VmDefinition): LaunchOptions {
    const { program, runAs, accelerator } = this.options;
    return {
      definition: this.place(definition),
      directory: this.directory(definition.uuid),
      accelerator,
      ...(program === undefined ? {} : { program }),
      ...(runAs === undefined ? {} : { runAs }),
    };
  }

  /** Starts a VM this host owns. @throws HostError `VM_NOT_OURS`, `NETWORK_UNKNOWN`; QmpError. */
  async start(record: VmRecord): Promise<VirtualMachine> {
    demandOwner(record);
    // A person and the supervisor may want it started at the same time: one QEMU serves both.
    let starting = this.#starting.get(record.id);
    if (starting === undefined) {
      starting = this.#start(record).finally(() => this.#starting.delete(record.id));
      this.#starting.set(record.id, starting);
    }
    return await starting;
  }

  async #start(record: VmRecord): Promise<VirtualMachine> {
    await this.cleared(record.id);
    const known = this.#machines.get(record.id);
    const running = known !== undefined && (await known.alive()) ? known : await this.#takeUp(record.id);
    if (running !== undefined) {
      const { state } = await running.status();
      if (state !== "shutdown") return running;
      await running.stop({ mode: "force" });
    }
    this.files.check(record.definition);
    const machine = await this.#launch(record.id, this.launch(await this.#pinned(record)));
    this.#logger.info("vm-started", { vm: record.name, accelerator: machine.accelerator });
    return machine;
  }

  async #launch(id: string, options: LaunchOptions): Promise<VirtualMachine> {
    while (this.#attaching.has(id)) await this.#attaching.get(id)?.catch(() => {});
    const launching = VirtualMachine.start(options);
    this.#launching.set(id, launching);
    try {
      const machine = await launching;
      this.adopt(id, machine);
      return machine;
    } finally {
      this.#launching.delete(id);
    }
  }

  /**
   * The definition with the versioned name of its machine type. An alias such as `q35` is other hardware in
   * another QEMU, and a destination must build the same one.
   */
  async #pinned({ id, definition }: VmRecord): Promise<VmDefinition> {
    const machine = resolveMachine(await this.capabilities(), definition.machine);
    if (machine === undefined || machine === definition.machine) return definition;
    const pinned = { ...definition, machine };
    const current = this.#journal.vm(id);
    if (current !== undefined) this.#journal.commit({ vms: [{ ...current, definition: pinned }] });
    return pinned;
  }

  /** Forgets a VM whose QEMU has ended, files of its run folder included. */
  async forget(id: string): Promise<void> {
    this.#machines.delete(id);
    await rm(this.directory(id), { recursive: true, force: true });
  }

  /**
   * Ends what is left of a machine that the journal has let go of; `end` runs before its folder is removed.
   */
  async clear(id: string, end: () => Promise<void>): Promise<void> {
    await this.alone(id, async () => {
      await end();
      await this.forget(id);
    });
  }

  /** Does `work` on what is left of a machine. Whoever brings the same machine back waits for it with {@link cleared}. */
  async alone(id: string, work: () => Promise<void>): Promise<void> {
    const working = this.cleared(id).then(work);
    this.#clearing.set(id, working);
    try {
      await working;
    } finally {
      if (this.#clearing.get(id) === working) this.#clearing.delete(id);
    }
  }

  /** Resolves once nothing is left of an earlier machine of this id. */
  async cleared(id: string): Promise<void> {
    await this.#clearing.get(id)?.catch(() => {});
  }

  /** Machines that have a folder in this host's run folder and are not in the journal. */
  async strangers(): Promise<string[]> {
    const names = await readdir(join(this.options.run, "vm")).catch(() => []);
    const known = new Set([...this.#journal.vms().map(({ id }) => id), ...this.#clearing.keys()]);
    return names.flatMap((name) => idOf(name) ?? []).filter((id) => !known.has(id));
  }

  async detachAll(): Promise<void> {
    for (const machine of this.#machines.values()) await machine.detach();
    this.#machines.clear();
  }

  /** The definition with this host's networks in the place of their names. */
  place(definition: VmDefinition): VmDefinition {
    const networks: Record<string, NetworkAttachment> = {};
    for (const { id, attachment } of definition.networks) {
      if (attachment.kind !== "named") continue;
      const here = this.options.networks[attachment.name];
      if (here === undefined) {
        throw new HostError(`this host has no network called ${attachment.name}`, {
          code: "NETWORK_UNKNOWN",
          family: "environment",
          hresult: Hresult.notFound,
          facts: { network: attachment.name },
          remedy: `Define ${attachment.name} under "networks" in this host's configuration.`,
        });
      }
      networks[id] = here;
    }
    const placement: Placement = { networks };
    return placeVm(definition, placement);
  }

  /** What this host's QEMU can do; asked once. */
  async capabilities(): Promise<HostCapabilities> {
    const { program, runAs } = this.options;
    this.#capabilities ??= probeQemu({
      ...(program === undefined ? {} : { program }),
      ...(runAs === undefined ? {} : { runAs }),
    });
    try {
      return await this.#capabilities;
    } catch (error) {
      this.#capabilities = undefined;
      throw error;
    }
  }
}

export function demandOwner(record: VmRecord): void {
  if (record.custody.state === "owner") return;
  const { custody } = record;
  const where =
    custody.state === "incoming"
      ? `is on its way here from ${custody.from}`
      : `was handed over to ${custody.to}`;
  throw new HostError(`${record.name} ${where} and must not run here`, {
    code: "VM_NOT_OURS",
    family: "caller",
    hresult: Hresult.failed,
    facts: { vm: record.name, migration: custody.migration },
    remedy: `See \`waybill vm show ${record.name}\` on both hosts; the migration settles itself when they reach each other.`,
  });
}
