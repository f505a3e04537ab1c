import { sleep } from "@waybill/base";
import { MigrationSource, type VirtualMachine } from "@waybill/qemu";
import type { MigrationRecord } from "../journal/journal.ts";
import type { SealedChannel } from "./channel.ts";
import type { DestinationMessage, SourceMessage } from "./messages.ts";
import type { OutgoingParts } from "./outgoing.ts";
import { fromRefusal } from "./refusals.ts";
import { settleAsGone } from "./source-custody.ts";

/** A conversation with another host, held as this host itself: enough to settle a migration, and nothing else. */
export type ResolvingChannel = SealedChannel<SourceMessage, DestinationMessage>;

export interface ResolverParts extends OutgoingParts {
  /** Opens a conversation with a host under this host's own name. */
  connect(host: string, signal: AbortSignal): Promise<ResolvingChannel>;
  /** Tells the operator, on the VM, what is being waited for. */
  note(vm: string, text: string | undefined): void;
}

const answerTime = { timeout: 15_000 };
/** How long a new move waits for what an earlier one left at its destination, in ms. */
const farewellTime = 5000;
const retryAfter = [250, 500, 1000, 2000, 5000, 10_000];

/**
 * Settles migrations whose end this source does not know: after a lost connection, a crash of the service or
 * of the machine. Until a destination has answered, a surrendered copy stays paused.
 */
export class Resolver {
  readonly #parts: ResolverParts;
  readonly #stop = new AbortController();
  readonly #running = new Map<string, Promise<void>>();

  constructor(parts: ResolverParts) {
    this.#parts = parts;
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Takes up every unfinished migration of the journal; returns when none is left undecided that can be decided alone. */
  async recover(): Promise<void> {
    for (const record of this.#parts.journal.migrations()) {
      if (record.role !== "source") continue;
      if (record.state === "transferring") await this.#recoverOrLater(record);
      else if (record.state === "surrendered") void this.settle(record.id);
      else if (record.state === "failed" && record.untold === true) this.tell(record.id);
    }
  }

  /** Lets the destination know that the machine stays here, as often as it takes. */
  tell(migration: string): void {
    if (this.#running.has(migration)) return;
    const work = this.#tell(migration).finally(() => this.#running.delete(migration));
    this.#running.set(migration, work);
  }

  /** Takes up a transfer that is over and whose end could not be written down; tries until it is. */
  callBack(migration: string, reason: string): void {
    const record = this.#parts.journal.migration(migration);
    if (record?.role === "source" && record.state === "transferring")
      void this.#recoverOrLater(record, reason);
  }

  /** Asks the destination until it answers. Safe to call again for the same migration. */
  settle(migration: string): Promise<void> {
    const running = this.#running.get(migration);
    if (running !== undefined) return running;
    const work = this.#settle(migration).finally(() => this.#running.delete(migration));
    this.#running.set(migration, work);
    return work;
  }

  /** Resolves once a migration that an earlier service began has come to its end, or this one is stopped. */
  async ended(migration: string): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const state = this.#parts.journal.migration(migration)?.state;
      if (state === "surrendered") await this.settle(migration);
      else if (state === "transferring") await sleep(500, this.#stop.signal).catch(() => {});
      else return;
    }
  }

  /**
   * Waits a while for the destination to learn that the machine's earlier migrations to it are over, so that what
   * they left there is not in the way of the next.
   */
  async told(vm: string, destination: string, signal: AbortSignal): Promise<void> {
    const telling = this.#parts.journal
      .migrations()
      .filter((record) => record.vm === vm && record.peer === destination && record.untold === true)
      .flatMap(({ id }) => this.#running.get(id) ?? []);
    if (telling.length === 0) return;
    const timer = new AbortController();
    const patience = sleep(farewellTime, AbortSignal.any([signal, timer.signal])).catch(() => {});
    await Promise.race([Promise.all(telling), patience]);
    timer.abort();
  }

  /** A machine that does not answer must not keep the service from starting. */
  async #recoverOrLater(record: MigrationRecord, reason = "the service was restarted"): Promise<void> {
    try {
      await this.#recoverTransfer(record, reason);
    } catch (error) {
      this.#parts.logger.error("migration-not-taken-up", { vm: record.vmName, migration: record.id, error });
      this.#parts.note(record.vm, `its migration could not be called back yet: ${reasonOf(error)}`);
      void sleep(2000, this.#stop.signal)
        .then(() => this.#recoverOrLater(record, reason))
        .catch(() => {});
    }
  }

  /**
   * The service stopped while memory was on its way. The machine was never given up, so it is ours: whatever
   * QEMU was doing is called back, unless it had finished, in which case finishing is quicker than returning.
   */
  async #recoverTransfer(record: MigrationRecord, reason: string): Promise<void> {
    const { journal, vms, logger } = this.#parts;
    const vm = journal.vm(record.vm);
    const machine = vm?.custody.state === "owner" ? await vms.machine(record.vm) : undefined;
    if (vm !== undefined && machine !== undefined) {
      const { status } = await machine.migration();
      const { state } = await machine.status();
      // A guest that runs, or may run, was taken back already, whatever QEMU says of its last migration.
      if ((status === "completed" && state === "postmigrate") || status.startsWith("postcopy")) {
        const custody = { state: "surrendered", migration: record.id, to: record.peer } as const;
        journal.commit({ vms: [{ ...vm, custody }], migrations: [{ ...record, state: "surrendered" }] });
        void this.settle(record.id);
        return;
      }
      await takeBackMachine(machine, vm.wanted === "running");
    }
    journal.commit({ migrations: [{ ...record, state: "failed", reason, untold: true }] });
    logger.warn("migration-called-back", { vm: record.vmName, destination: record.peer });
    this.tell(record.id);
  }

  async #tell(migration: string): Promise<void> {
    for (let attempt = 0; !this.#stop.signal.aborted; attempt++) {
      const record = this.#parts.journal.migration(migration);
      if (record?.state !== "failed" || record.untold !== true) return;
      try {
        const channel = await this.#open(record, false);
        try {
          const answer = await channel.receive("the destination's word", answerTime);
          if (answer.type === "discarded") {
            this.#parts.journal.changeMigration(migration, { untold: undefined });
            return;
          }
          if (answer.type === "refused") throw fromRefusal(answer);
          if (answer.type === "taken")
            this.#parts.logger.error("destination-disagrees", { migration, vm: record.vmName });
        } finally {
          channel.channel.close();
        }
      } catch (error) {
        if (attempt === 0) this.#parts.logger.info("destination-not-told", { migration, error });
      }
      await this.#pause(attempt);
    }
  }

  async #settle(migration: string): Promise<void> {
    for (let attempt = 0; !this.#stop.signal.aborted; attempt++) {
      const record = this.#parts.journal.migration(migration);
      if (record === undefined || record.state !== "surrendered") return;
      try {
        if (await this.#ask(record)) return;
      } catch (error) {
        const reason = reasonOf(error);
        this.#parts.note(
          record.vm,
          `paused: it was handed over to ${record.peer}, and ${record.peer} has not said what became of it (${reason}). ` +
            "It is asked again every few seconds; nothing runs twice meanwhile.",
        );
      }
      await this.#pause(attempt);
    }
  }

  async #pause(attempt: number): Promise<void> {
    const pause = retryAfter[Math.min(attempt, retryAfter.length - 1)] ?? 10_000;
    await sleep(pause, this.#stop.signal).catch(() => {});
  }

  async #ask(record: MigrationRecord): Promise<boolean> {
    const channel = await this.#open(record, true);
    try {
      for (;;) {
        const answer = await channel.receive("the destination's word", answerTime);
        if (answer.type === "taken") {
          if (await this.#stillSends(record)) return false;
          await settleAsGone(this.#parts, record.id);
          this.#parts.logger.info("migration-settled", { vm: record.vmName, outcome: "taken" });
          return true;
        }
        if (answer.type === "discarded") {
          await this.#reclaim(record, answer.reason);
          return true;
        }
        if (answer.type !== "waiting" || !answer.complete) return false;
        channel.send({ type: "take" });
      }
    } finally {
      channel.channel.close();
    }
  }

  async #open(record: MigrationRecord, surrendered: boolean): Promise<ResolvingChannel> {
    const channel = await this.#parts.connect(record.peer, this.#stop.signal);
    const vm = { id: record.vm, name: record.vmName };
    channel.send({ type: "hello", migration: record.id, host: this.#parts.host, vm, purpose: "resolve" });
    channel.send({ type: "resolve", surrendered });
    return channel;
  }

  /** After the switch of a post-copy migration the guest over there still needs pages from here. */
  async #stillSends(record: MigrationRecord): Promise<boolean> {
    const machine = await this.#parts.vms.machine(record.vm);
    if (machine === undefined) return false;
    const { status } = await machine.migration();
    if (!status.startsWith("postcopy")) return false;
    this.#parts.note(
      record.vm,
      `it runs on ${record.peer}, which still needs parts of its memory from here (${status})`,
    );
    return true;
  }

  /** The destination will never run it: it is ours again, and goes on where it stopped. */
  async #reclaim(record: MigrationRecord, reason: string): Promise<void> {
    const { journal, vms, logger } = this.#parts;
    const vm = journal.vm(record.vm);
    if (vm?.custody.state !== "surrendered" || vm.custody.migration !== record.id) return;
    journal.commit({
      vms: [{ ...vm, custody: { state: "owner" }, note: undefined }],
      migrations: [{ ...record, state: "failed", reason }],
    });
    logger.warn("migration-settled", { vm: record.vmName, outcome: "discarded", reason });
    // A machine that is gone or does not answer is the supervisor's next work.
    const machine = await vms.machine(record.vm);
    if (machine !== undefined) await takeBackMachine(machine, vm.wanted === "running");
  }
}

/** Ends whatever QEMU still does for a migration, and lets a guest that should run go on. */
export async function takeBackMachine(machine: VirtualMachine, run: boolean): Promise<void> {
  await new MigrationSource(machine).cancel();
  if (run && !(await machine.status()).running) await machine.resume({ reclaim: true });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
