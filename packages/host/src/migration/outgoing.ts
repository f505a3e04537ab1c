import { AbortedError, type Logger } from "@waybill/base";
import {
  inspectDisk,
  type MigrationProgress,
  MigrationSource,
  type MigrationSummary,
  type VirtualMachine,
} from "@waybill/qemu";
import type { EvidenceKind } from "../evidence/delegation-broker.ts";
import type { Journal, VmRecord } from "../journal/journal.ts";
import type { Finding } from "../service/jobs.ts";
import type { VmManager } from "../service/vm-manager.ts";
import type { SealedChannel } from "./channel.ts";
import { Dialogue } from "./dialogue.ts";
import { findingOf } from "./examine.ts";
import { migrationKey } from "./handshake.ts";
import type { DestinationMessage, SourceMessage, TransferOptions } from "./messages.ts";
import { givenUp, notRunning } from "./refusals.ts";
import { beginTransfer, recordFailure, settleAsGone, surrender } from "./source-custody.ts";
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
  readonly assertedBy: string;
  readonly evidence: EvidenceKind;
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

type Prepared = Extract<DestinationMessage, { type: "prepared" }>;

/** How long the destination may take to say that it forgot its copy; it is told again later otherwise. */
const farewellTime = 5000;
const aliveInterval = 5000;

/** The source's side of one migration. What it may do and when: `messages.ts`. */
export class OutgoingMigration {
  readonly #parts: OutgoingParts;
  readonly #peer: OutgoingPeer;
  readonly #request: OutgoingRequest;
  readonly #dialogue: Dialogue;
  #wasRunning = true;

  constructor(parts: OutgoingParts, peer: OutgoingPeer, request: OutgoingRequest) {
    this.#parts = parts;
    this.#peer = peer;
    this.#request = request;
    this.#dialogue = new Dialogue(peer.channel, request.destination);
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
    const answer = await this.#answer("findings");
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
    this.#begin();
    const source = new MigrationSource(machine);
    const alive = setInterval(() => this.#dialogue.tryToTell({ type: "alive" }), aliveInterval);
    try {
      await this.#reached("source:registered");
      const prepared = await this.#prepare(source);
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
    this.#dialogue.tell({
      type: "hello",
      migration,
      host: this.#parts.host,
      vm: { id: vm.id, name: vm.name },
      purpose,
    });
    await this.#answer("welcome");
  }

  async #authorizeDisks(): Promise<void> {
    if (!this.#request.withDisks) return;
    const token = await this.#peer.storageToken();
    this.#dialogue.tell({ type: "disks", token: Buffer.from(token).toString("base64") });
    const answer = await this.#answer("disks-accepted");
    if (answer.token !== undefined)
      this.#peer.finishStorageToken(new Uint8Array(Buffer.from(answer.token, "base64")));
  }

  /** Both QEMUs are made ready at the same time; neither is left half made when the other cannot be. */
  async #prepare(source: MigrationSource): Promise<Prepared> {
    await this.#announce();
    const here = this.#prepareHere(source);
    const [there] = await Promise.allSettled([this.#answer("prepared"), here]);
    if (there.status === "rejected") throw there.reason;
    await here;
    return there.value;
  }

  async #prepareHere(source: MigrationSource): Promise<void> {
    const { migration, options, limits } = this.#request;
    const { runAs } = this.#parts.vms.options;
    await source.prepare({
      migration: qemuOptions(options, limits),
      secret: migrationKey(migration, this.#peer),
      ...(runAs === undefined ? {} : { runAs }),
    });
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
    this.#dialogue.tell({ type: "prepare", definition, running, disks, options, source });
  }

  async #send(source: MigrationSource, prepared: Prepared): Promise<void> {
    const { migration, options, onProgress, signal } = this.#request;
    if (prepared.storage !== undefined) {
      await source.mirrorDisks(prepared.storage, { onProgress, signal });
      await this.#reached("source:disks-copied");
    }
    let flowing = false;
    const reportFlow = (): void => {
      if (!flowing) this.#dialogue.tryToTell({ type: "flowing" });
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
    this.#dialogue.tell({ type: "mirrored" });
    await this.#answer("storage-closed");
    await this.#reached("source:storage-closed");
  }

  async #handOver(source: MigrationSource): Promise<OutgoingReport> {
    const { vm, migration, destination } = this.#request;
    // With post-copy the guest runs over there before QEMU is done here: the journal has to be first.
    if (this.#request.options.postCopy) surrender(this.#parts, migration);
    await source.handOver();
    await this.#reached("source:completed");
    if (!this.surrendered) surrender(this.#parts, migration);
    await this.#reached("source:surrendered");
    this.#dialogue.tell({ type: "take" });
    await this.#reached("source:take-sent");
    const answer = await this.#answer(["taken", "discarded"]);
    if (answer.type === "discarded") throw givenUp(destination, answer.reason);
    await this.#reached("source:taken");
    if (this.#request.options.postCopy) await source.awaitCompletion();
    const summary = await source.summary();
    await settleAsGone(this.#parts, migration);
    this.#parts.logger.info("migration-completed", { vm: vm.name, destination, ...summary });
    return { summary, encryption: "TLS 1.3, AES-128-GCM, key from the Kerberos context" };
  }

  /** Nothing was given up: the guest goes on here, and the destination forgets its copy. */
  async #takeBack(source: MigrationSource, machine: VirtualMachine, error: unknown): Promise<void> {
    const reason = error instanceof Error ? error.message : String(error);
    this.#dialogue.tryToTell({ type: "abort", reason: reason.slice(0, 1000) });
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
    const untold = !(await this.#dialogue.wasForgotten(farewellTime));
    try {
      recordFailure(this.#parts, this.#request.migration, { reason, untold });
    } catch (failure) {
      // The journal says "transferring" until the resolver has called it back.
      this.#parts.logger.error("migration-not-written-off", { vm: this.#request.vm.name, error: failure });
    }
  }

  async #reached(step: Parameters<StepObserver>[0]): Promise<void> {
    await this.#parts.onStep?.(step, this.#request.migration);
    const { signal } = this.#request;
    // Until the machine is given up, whoever asks for an end is heard at every step.
    if (signal.aborted && !this.surrendered) throw new AbortedError("the migration", signal.reason);
  }

  #begin(): void {
    const { migration: id, vm, destination: peer, person, assertedBy, evidence, withDisks } = this.#request;
    beginTransfer(this.#parts, { id, vm, peer, person, assertedBy, evidence, withDisks });
  }

  /** Until the machine is given up, waiting ends when whoever asked for the move wants it to end. */
  async #answer<T extends DestinationMessage["type"]>(
    types: T | readonly T[],
  ): Promise<Extract<DestinationMessage, { type: T }>> {
    return await this.#dialogue.expect(types, this.surrendered ? undefined : this.#request.signal);
  }
}
