import { rm } from "node:fs/promises";
import { AbortedError, type Logger } from "@waybill/base";
import {
  inspectDisk,
  type MigrationProgress,
  MigrationSource,
  type MigrationSummary,
  type VirtualMachine,
} from "@waybill/qemu";
import { HostError, Hresult } from "../errors.ts";
import type { Journal, MigrationRecord, VmRecord } from "../journal/journal.ts";
import type { Finding } from "../service/jobs.ts";
import type { VmManager } from "../service/vm-manager.ts";
import type { SealedChannel } from "./channel.ts";
import { findingOf } from "./examine.ts";
import { pskInput } from "./incoming.ts";
import type { DestinationMessage, SourceMessage, TransferOptions } from "./messages.ts";
import type { StepObserver } from "./steps.ts";
import { qemuOptions, type SourceLimits } from "./transfer-options.ts";

export interface OutgoingParts {
  readonly host: string;
  readonly journal: Journal;
  readonly vms: VmManager;
  readonly logger: Logger;
  readonly onStep?: StepObserver | undefined;
}

/** The authenticated conversation with the destination, held as the person who asked. */
export interface OutgoingPeer {
  readonly channel: SealedChannel<SourceMessage, DestinationMessage>;
  prf(input: Uint8Array, length: number): Uint8Array;
  /** A token that shows the person's delegated ticket for `cifs/<destination>`. */
  storageToken(): Promise<Uint8Array>;
  /** Checks the destination's answer to that token. */
  finishStorageToken(token: Uint8Array): void;
}

export interface OutgoingRequest {
  readonly migration: string;
  readonly vm: VmRecord;
  readonly destination: string;
  readonly person: string;
  readonly withDisks: boolean;
  readonly options: TransferOptions;
  readonly limits: SourceLimits;
  readonly onProgress: (progress: MigrationProgress) => void;
  readonly signal: AbortSignal;
}

export interface OutgoingReport {
  readonly summary: MigrationSummary;
  /** What QEMU encrypted memory and disks with. */
  readonly encryption: string;
}

const answerTime = { timeout: 30_000 };
/** How long the destination may take to say that it forgot its copy; it is told again later otherwise. */
const farewellTime = { timeout: 5000 };
const aliveInterval = 5000;

/** The source's side of one migration. What it may do and when: `messages.ts`. */
export class OutgoingMigration {
  readonly #parts: OutgoingParts;
  readonly #peer: OutgoingPeer;
  readonly #request: OutgoingRequest;
  #wasRunning = true;

  constructor(parts: OutgoingParts, peer: OutgoingPeer, request: OutgoingRequest) {
    this.#parts = parts;
    this.#peer = peer;
    this.#request = request;
  }

  /** Whether this host has given the machine up in its journal, and only the destination can say what became of it. */
  get surrendered(): boolean {
    const state = this.#parts.journal.migration(this.#request.migration)?.state;
    return state === "surrendered" || state === "done";
  }

  /** Asks the destination whether it would take the machine; nothing moves. */
  async check(): Promise<Finding[]> {
    const { withDisks, destination } = this.#request;
    await this.#hello("check");
    const findings: Finding[] = [];
    try {
      await this.#authorizeDisks();
      const message = `${destination} lets the same person write disks there`;
      if (withDisks) findings.push({ check: "storage-delegation", severity: "ok", message });
    } catch (error) {
      findings.push(findingOf("storage-delegation", error));
    }
    await this.#announce();
    const answer = await this.#expect("findings");
    return [...findings, ...answer.findings];
  }

  /**
   * Moves the machine.
   *
   * @throws HostError as the destination refused, QmpError, AbortedError. Unless `surrendered`, the machine is
   * here as if nothing had been.
   */
  async run(): Promise<OutgoingReport> {
    const { vm } = this.#request;
    const machine = await this.#parts.vms.machine(vm.id);
    if (machine === undefined) throw notRunning(vm.name);
    await this.#hello("migrate");
    await this.#reached("source:welcomed");
    await this.#authorizeDisks();
    this.#journal("transferring");
    const source = new MigrationSource(machine);
    const alive = setInterval(() => this.#tryToSend({ type: "alive" }), aliveInterval);
    try {
      await this.#reached("source:registered");
      const prepared = await this.#prepare();
      await this.#reached("source:prepared");
      await this.#send(source, prepared);
      return await this.#handOver(source);
    } catch (error) {
      if (!this.surrendered) await this.#takeBack(source, machine, error);
      throw error;
    } finally {
      clearInterval(alive);
    }
  }

  async #hello(purpose: "migrate" | "check"): Promise<void> {
    const { migration, vm } = this.#request;
    this.#tell({
      type: "hello",
      migration,
      host: this.#parts.host,
      vm: { id: vm.id, name: vm.name },
      purpose,
    });
    await this.#expect("welcome");
  }

  async #authorizeDisks(): Promise<void> {
    if (!this.#request.withDisks) return;
    const token = await this.#peer.storageToken();
    this.#tell({ type: "disks", token: Buffer.from(token).toString("base64") });
    const answer = await this.#expect("disks-accepted");
    if (answer.token !== undefined)
      this.#peer.finishStorageToken(new Uint8Array(Buffer.from(answer.token, "base64")));
  }

  async #prepare(): Promise<Extract<DestinationMessage, { type: "prepared" }>> {
    await this.#announce();
    return await this.#expect("prepared");
  }

  async #announce(): Promise<void> {
    const { vm, withDisks, options } = this.#request;
    const machine = await this.#parts.vms.machine(vm.id);
    const running = machine !== undefined && (await machine.status()).running;
    this.#wasRunning = running;
    const disks: { id: string; bytes: number }[] = [];
    for (const disk of withDisks ? vm.definition.disks.filter(({ readOnly }) => !readOnly) : []) {
      disks.push({ id: disk.id, bytes: (await inspectDisk(disk)).virtualSize });
    }
    // As it was started, which may be later than it was defined.
    const current = this.#parts.journal.vm(vm.id) ?? vm;
    const definition = JSON.parse(JSON.stringify(current.definition)) as Record<string, unknown>;
    const source = {
      accelerator: this.#parts.vms.options.accelerator,
      qemu: (await this.#parts.vms.capabilities()).version,
      time: Date.now(),
    };
    this.#tell({ type: "prepare", definition, running, disks, options, source });
  }

  async #send(
    source: MigrationSource,
    prepared: Extract<DestinationMessage, { type: "prepared" }>,
  ): Promise<void> {
    const { migration, options, limits, onProgress, signal } = this.#request;
    const secret = { identity: migration, key: this.#peer.prf(pskInput(migration), 32) };
    const { runAs } = this.#parts.vms.options;
    await source.prepare({
      migration: qemuOptions(options, limits),
      secret,
      ...(runAs === undefined ? {} : { runAs }),
    });
    if (prepared.storage !== undefined) {
      await source.mirrorDisks(prepared.storage, { onProgress, signal });
      await this.#reached("source:disks-copied");
    }
    let flowing = false;
    const reportFlow = (): void => {
      if (!flowing) this.#tryToSend({ type: "flowing" });
      flowing = true;
    };
    let switching = !options.postCopy;
    const progress = (step: MigrationProgress): void => {
      // One whole pass first: what is over there already need not be fetched page by page.
      if (!switching && step.pass > 1) {
        switching = true;
        source.switchToPostCopy().catch((error: unknown) => {
          this.#parts.logger.warn("post-copy-not-begun", { migration, error });
        });
      }
      // All connections stand once memory moves; nobody else needs the key after that.
      if (step.transferred > 0) reportFlow();
      onProgress(step);
    };
    await source.sendMemory(prepared.memory, { onProgress: progress, signal });
    // A small guest is over there before anybody has asked how far it is.
    reportFlow();
    await this.#reached("source:memory-sent");
    if (prepared.storage === undefined) return;
    await source.finishMirror({ signal });
    this.#tell({ type: "mirrored" });
    await this.#expect("storage-closed");
    await this.#reached("source:storage-closed");
  }

  async #handOver(source: MigrationSource): Promise<OutgoingReport> {
    const { vm, migration, destination } = this.#request;
    // With post-copy the guest runs over there before QEMU is done here: the journal has to be first.
    if (this.#request.options.postCopy) this.#surrender();
    await source.handOver();
    await this.#reached("source:completed");
    if (!this.surrendered) this.#surrender();
    await this.#reached("source:surrendered");
    this.#tell({ type: "take" });
    await this.#reached("source:take-sent");
    const answer = await this.#receive(["taken", "discarded"]);
    if (answer.type === "discarded") throw this.#refused(answer.reason);
    await this.#reached("source:taken");
    if (this.#request.options.postCopy) await source.awaitCompletion();
    const summary = await source.summary();
    await settleAsGone(this.#parts, migration);
    this.#parts.logger.info("migration-completed", { vm: vm.name, destination, ...summary });
    return { summary, encryption: "TLS 1.3, AES-128-GCM, key from the Kerberos context" };
  }

  #surrender(): void {
    const { vm, migration, destination } = this.#request;
    const record = this.#parts.journal.migration(migration);
    if (record === undefined) return;
    const current = this.#parts.journal.vm(vm.id) ?? vm;
    this.#parts.journal.commit({
      vms: [{ ...current, custody: { state: "surrendered", migration, to: destination } }],
      migrations: [{ ...record, state: "surrendered" }],
    });
  }

  /** Nothing was given up: the guest goes on here, and the destination forgets its copy. */
  async #takeBack(source: MigrationSource, machine: VirtualMachine, error: unknown): Promise<void> {
    const reason = error instanceof Error ? error.message : String(error);
    this.#tryToSend({ type: "abort", reason: reason.slice(0, 1000) });
    try {
      if (await machine.alive()) {
        await source.cancel();
        // What QEMU had completed it does not undo; but nobody was told to take the machine, so it is ours.
        if (this.#wasRunning && !(await machine.status()).running) await machine.resume({ reclaim: true });
      }
    } catch (failure) {
      // The supervisor goes on with it once this migration is over.
      this.#parts.logger.error("migration-not-undone", { vm: this.#request.vm.name, error: failure });
    }
    const untold = !(await this.#wasForgotten());
    this.#journal("failed", reason, untold);
  }

  /** Whether the destination has said that its copy is gone. */
  async #wasForgotten(): Promise<boolean> {
    const { channel } = this.#peer;
    try {
      while (channel.channel.open) {
        const { type } = await channel.receive("the end of the migration", farewellTime);
        if (type === "discarded" || type === "refused") return true;
      }
    } catch {
      // It is told again under this host's own name.
    }
    return false;
  }

  async #reached(step: Parameters<StepObserver>[0]): Promise<void> {
    await this.#parts.onStep?.(step, this.#request.migration);
    const { signal } = this.#request;
    // Until the machine is given up, whoever asks for an end is heard at every step.
    if (signal.aborted && !this.surrendered) throw new AbortedError("the migration", signal.reason);
  }

  #journal(state: MigrationRecord["state"], reason?: string, untold?: boolean): void {
    const { migration, vm, destination, person, withDisks } = this.#request;
    const started = this.#parts.journal.migration(migration)?.started ?? Date.now();
    const disks = withDisks
      ? vm.definition.disks.filter((disk) => !disk.readOnly).map((disk) => disk.path)
      : [];
    const record: MigrationRecord = {
      id: migration,
      vm: vm.id,
      vmName: vm.name,
      role: "source",
      peer: destination,
      person,
      state,
      reason,
      disks,
      untold,
      started,
      updated: started,
    };
    this.#parts.journal.commit({ migrations: [record] });
  }

  #tell(message: SourceMessage): void {
    this.#peer.channel.send(message);
  }

  #tryToSend(message: SourceMessage): void {
    try {
      this.#tell(message);
    } catch {
      // The conversation is over; whoever waits for an answer learns it there.
    }
  }

  async #expect<T extends DestinationMessage["type"]>(
    type: T,
  ): Promise<Extract<DestinationMessage, { type: T }>> {
    return await this.#receive([type]);
  }

  async #receive<T extends DestinationMessage["type"]>(
    types: readonly T[],
  ): Promise<Extract<DestinationMessage, { type: T }>> {
    const message = await this.#peer.channel.receive("an answer", {
      ...answerTime,
      signal: this.surrendered ? undefined : this.#request.signal,
    });
    if (message.type === "refused") throw fromRefusal(message);
    if (types.some((type) => type === message.type))
      return message as Extract<DestinationMessage, { type: T }>;
    throw new HostError(`the destination answered "${message.type}" instead of "${types.join('" or "')}"`, {
      code: "MIGRATION_PROTOCOL_ERROR",
      family: "peer",
      hresult: Hresult.failed,
    });
  }

  #refused(reason: string): HostError {
    return new HostError(`the destination gave the copy up: ${reason}`, {
      code: "MIGRATION_DISCARDED",
      family: "peer",
      hresult: Hresult.failed,
    });
  }
}

/** The destination runs the machine: this host's copy goes, in the journal and in fact. */
export async function settleAsGone(parts: OutgoingParts, migration: string): Promise<void> {
  const { journal, vms } = parts;
  const record = journal.migration(migration);
  if (record === undefined) return;
  const machine = await vms.machine(record.vm);
  const custody = journal.vm(record.vm)?.custody;
  // Nothing but the machine that was given up in this very migration may go.
  if (custody?.state !== "surrendered" || custody.migration !== migration) return;
  const done: MigrationRecord = { ...record, state: "done" };
  journal.commit({ removedVms: [record.vm], migrations: [done] });
  try {
    await vms.clear(record.vm, async () => {
      await parts.onStep?.("source:gone", migration);
      await machine?.kill();
      for (const path of record.disks ?? []) await rm(path, { force: true });
    });
    if ((record.disks?.length ?? 0) > 0) journal.commit({ migrations: [{ ...done, disks: [] }] });
  } catch (error) {
    // The move is done all the same; what is left here is swept up later.
    parts.logger.error("left-over-stays", { vm: record.vmName, migration, error });
  }
}

function fromRefusal(message: Extract<DestinationMessage, { type: "refused" }>): HostError {
  return new HostError(message.message, {
    code: message.code,
    family: "peer",
    facts: { refusedBy: "destination" },
    ...(message.hresult === undefined ? {} : { hresult: message.hresult }),
    ...(message.remedy === undefined ? {} : { remedy: message.remedy }),
  });
}

export function notRunning(name: string): HostError {
  return new HostError(`${name} is not running, and only a running machine can be moved live`, {
    code: "VM_NOT_RUNNING",
    family: "caller",
    hresult: Hresult.failed,
    remedy: `Start it first: waybill vm start ${name}.`,
  });
}
