import type { Logger } from "@waybill/base";
import { isUnderWay, MigrationTarget, type VirtualMachine } from "@waybill/qemu";
import type { Journal, VmRecord } from "../journal/journal.ts";
import { ArrivalWatch } from "../migration/arrival-watch.ts";
import { discard, isIncoming } from "../migration/copy-custody.ts";
import type { IncomingParts } from "../migration/incoming.ts";
import { takeBackMachine } from "../migration/resolver.ts";
import { sweep } from "./sweep.ts";
import type { VmManager } from "./vm-manager.ts";

export interface SupervisorParts {
  readonly journal: Journal;
  readonly vms: VmManager;
  readonly incoming: IncomingParts;
  readonly logger: Logger;
  readonly restartCrashed: boolean;
  /** Whether a migration of the VM is being worked on in this process right now. */
  readonly busy: (vm: string) => boolean;
  /** The same of one migration away from here. */
  readonly moving: (migration: string) => boolean;
}

const interval = 2000;
/** In rounds. */
const sweepEvery = 5;
/** How long a copy may wait for a source that does not even connect. */
const patience = 60_000;

/** Keeps what runs on this host in agreement with its journal, at the start and from then on. */
export class Supervisor {
  readonly #parts: SupervisorParts;
  #timer: NodeJS.Timeout | undefined;
  #rounds = 0;
  #working: Promise<void> = Promise.resolve();
  /** By migration: copies that still come in although nobody speaks for them. */
  readonly #orphans = new Map<string, { readonly vm: string; readonly watch: ArrivalWatch }>();

  constructor(parts: SupervisorParts) {
    this.#parts = parts;
  }

  /** Looks at every VM once, then again every two seconds. */
  async start(): Promise<void> {
    await this.#round();
    this.#timer = setInterval(() => {
      this.#working = this.#working.then(() => this.#round());
    }, interval);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#working;
    for (const { watch } of this.#orphans.values()) watch.stop();
    this.#orphans.clear();
  }

  async #round(): Promise<void> {
    if (++this.#rounds % sweepEvery === 0) {
      await sweep(this.#parts).catch((error: unknown) => this.#parts.logger.error("sweep-failed", { error }));
      this.#parts.incoming.outcomes.catchUp(this.#parts.moving);
    }
    for (const vm of this.#parts.journal.vms()) {
      if (this.#parts.busy(vm.id) || this.#unfinished(vm.id)) continue;
      try {
        if (vm.custody.state === "owner") await this.#tend(vm);
        else if (vm.custody.state === "incoming") await this.#tendIncoming(vm, vm.custody.migration);
      } catch (error) {
        this.#parts.logger.error("vm-cannot-be-tended", { vm: vm.name, error });
        this.#parts.journal.remark(vm.id, error instanceof Error ? error.message : String(error));
      }
    }
    this.#forgetOrphans();
  }

  /** A move that an earlier service began and this one has not called back yet. */
  #unfinished(vm: string): boolean {
    return this.#parts.journal
      .migrations()
      .some(({ role, state, vm: id }) => id === vm && role === "source" && state === "transferring");
  }

  /** Ours, so it runs if it is wanted to: after a crash of the machine, of QEMU, or between journal and act. */
  async #tend(vm: VmRecord): Promise<void> {
    if (vm.wanted === "stopped") return;
    const { vms, logger } = this.#parts;
    const machine = await vms.machine(vm.id);
    if (vm.wanted === "paused") {
      if (machine?.incoming) await machine.takeOwnership();
      return;
    }
    if (machine === undefined) {
      if (!this.#parts.restartCrashed) {
        this.#parts.journal.remark(
          vm.id,
          "its QEMU ended without being asked to, and restart-crashed is off",
        );
        return;
      }
      logger.warn("vm-restarted", { vm: vm.name, reason: "its QEMU was gone" });
      await vms.start(vm);
      this.#parts.journal.remark(vm.id, undefined);
      return;
    }
    if (machine.incoming) {
      // The journal said "owned" and the service stopped before the guest was told.
      logger.warn("vm-activated", { vm: vm.name, reason: "the hand-over was complete" });
      await new MigrationTarget(machine).activate();
      return;
    }
    const { state } = await machine.status();
    if (state === "postmigrate" || state === "finish-migrate") {
      // Taken back in the journal, and the service stopped before the guest was told.
      logger.warn("vm-resumed", { vm: vm.name, reason: "its migration is over and it stayed here" });
      await takeBackMachine(machine, true);
      this.#parts.journal.remark(vm.id, undefined);
      return;
    }
    if (state === "shutdown") {
      this.#parts.journal.changeVm(vm.id, { wanted: "stopped" });
      await machine.stop({ mode: "force" });
      await vms.forget(vm.id);
    }
  }

  /** A copy whose source does not speak: complete ones wait, others cannot become complete any more. */
  async #tendIncoming(vm: VmRecord, migration: string): Promise<void> {
    const { vms, incoming } = this.#parts;
    const machine = await vms.machine(vm.id);
    if (machine === undefined) {
      await discard(incoming, migration, "its QEMU is gone");
      return;
    }
    const { status } = await machine.migration();
    if (status === "completed" || status.startsWith("postcopy")) {
      this.#parts.journal.remark(
        vm.id,
        "paused: complete, and waiting for the source to say that it gave the machine up",
      );
      return;
    }
    const neverBegun = status === "setup" && Date.now() - vm.updated > patience;
    if (!isUnderWay(status) || neverBegun)
      await discard(
        incoming,
        migration,
        neverBegun ? "its memory never came" : "the transfer ended before it was complete",
      );
    else if (this.#standsStill(vm, migration, machine))
      await discard(incoming, migration, "nothing of it arrives any more");
  }

  /** What still comes in may make a copy complete, as long as it comes. */
  #standsStill({ id, name }: VmRecord, migration: string, machine: VirtualMachine): boolean {
    let orphan = this.#orphans.get(migration);
    if (orphan === undefined) {
      const { stallTimeout: patience, logger } = this.#parts.incoming;
      const options = { what: `receiving ${name}`, patience, logger };
      orphan = { vm: id, watch: new ArrivalWatch(new MigrationTarget(machine), options) };
      this.#orphans.set(migration, orphan);
    }
    return orphan.watch.signal.aborted;
  }

  #forgetOrphans(): void {
    for (const [id, { vm, watch }] of this.#orphans) {
      if (isIncoming(this.#parts.journal, { id, vm })) continue;
      watch.stop();
      this.#orphans.delete(id);
    }
  }
}
