import { createDisk, MigrationTarget, QmpError, type VmDefinition } from "@waybill/qemu";
import { ArrivalWatch } from "./arrival-watch.ts";
import { discard, finishTakeOver, mayBeComplete, register, takeOver } from "./copy-custody.ts";
import { arrivingPaths } from "./examine.ts";
import { migrationKey } from "./handshake.ts";
import type { Hello, IncomingParts, IncomingPeer, Prepare } from "./incoming.ts";
import type { DestinationMessage, SourceMessage } from "./messages.ts";
import { unexpected } from "./refusals.ts";
import type { StepObserver } from "./steps.ts";
import { qemuOptions } from "./transfer-options.ts";

export interface ReceptionRequest {
  readonly hello: Hello;
  /** The machine as it is to be here. */
  readonly definition: VmDefinition;
  readonly message: Prepare;
}

/** How long the source may be silent; it says "alive" every few seconds. */
export const patience = { timeout: 60_000 };

/** One copy of a machine, from its first line in the journal until it is taken over or given up. */
export class Reception {
  readonly #parts: IncomingParts;
  readonly #peer: IncomingPeer;
  readonly #request: ReceptionRequest;

  constructor(parts: IncomingParts, peer: IncomingPeer, request: ReceptionRequest) {
    this.#parts = parts;
    this.#peer = peer;
    this.#request = request;
  }

  /** From here on the journal knows of the copy; every way out either owns it or discards it. */
  async run(): Promise<void> {
    this.#register();
    let target: MigrationTarget | undefined;
    try {
      await this.#reached("destination:registered");
      await this.#makeDisks();
      target = await this.#start();
      await this.#reached("destination:started");
      await this.#listen(target);
      await this.#follow(target);
    } catch (error) {
      await this.#giveUp(target, error);
      throw error;
    }
  }

  #register(): void {
    const { hello, definition, message } = this.#request;
    const { caller } = this.#peer;
    register(this.#parts, {
      vm: {
        id: definition.uuid,
        name: definition.name,
        definition,
        wanted: message.running ? "running" : "paused",
      },
      migration: hello.migration,
      from: hello.host,
      disks: arrivingPaths(definition, message),
      person: {
        person: caller.principal,
        assertedBy: caller.assertedBy,
        delegatingHost: caller.transitedServices.at(-1),
      },
    });
  }

  async #makeDisks(): Promise<void> {
    const { definition, message } = this.#request;
    const { vms } = this.#parts;
    // A late end of an earlier copy may have begun before this one was in the journal.
    await vms.cleared(definition.uuid);
    this.#peer.channel.channel.demandOpen();
    for (const disk of message.disks) {
      const image = definition.disks.find(({ id }) => id === disk.id);
      if (image === undefined) throw unexpected(`disk ${disk.id}`);
      await vms.files.makeFolder(image.path);
      await createDisk(image, disk.bytes, vms.options.runAs);
    }
  }

  async #start(): Promise<MigrationTarget> {
    const { hello, definition, message } = this.#request;
    const { vms } = this.#parts;
    const target = await MigrationTarget.start(vms.launch(definition), {
      migration: qemuOptions(message.options),
      secret: migrationKey(hello.migration, this.#peer),
    });
    vms.adopt(definition.uuid, target.vm);
    return target;
  }

  async #listen(target: MigrationTarget): Promise<void> {
    const { definition, message } = this.#request;
    const address = this.#parts.dataAddress(this.#peer.reached);
    const storage = message.disks.length > 0 ? await target.exportDisks(address) : undefined;
    const memory = await target.listen(address);
    await this.#reached("destination:listening");
    this.#send({
      type: "prepared",
      memory,
      machine: definition.machine,
      ...(storage === undefined ? {} : { storage }),
    });
  }

  /** Does what the source says until the machine is taken or given up, as long as anything arrives. */
  async #follow(target: MigrationTarget): Promise<void> {
    const { stallTimeout, logger } = this.#parts;
    const what = `receiving ${this.#request.definition.name}`;
    const watch = new ArrivalWatch(target, { what, patience: stallTimeout, logger });
    try {
      const last = await this.#untilDecided(target, watch);
      // From here on the rules of the hand-over decide, and no clock.
      watch.stop();
      if (last.type === "take") return await this.#take(target);
      await discard(this.#parts, this.#request.hello.migration, last.reason);
      this.#send({ type: "discarded", reason: last.reason });
    } finally {
      watch.stop();
    }
  }

  async #untilDecided(
    target: MigrationTarget,
    watch: ArrivalWatch,
  ): Promise<Extract<SourceMessage, { type: "take" | "abort" }>> {
    const taken = new Set<SourceMessage["type"]>();
    for (;;) {
      const message = await this.#receive(watch);
      if (message.type === "alive") continue;
      if (taken.has(message.type)) throw unexpected(`${message.type} again`);
      taken.add(message.type);
      watch.step();
      switch (message.type) {
        case "flowing":
          await target.closeDoor();
          await this.#reached("destination:flowing");
          break;
        case "mirrored":
          await target.closeStorage();
          await this.#reached("destination:storage-closed");
          this.#send({ type: "storage-closed" });
          break;
        case "take":
        case "abort":
          return message;
        default:
          throw unexpected(message.type);
      }
    }
  }

  async #receive(watch: ArrivalWatch): Promise<SourceMessage> {
    const { signal } = watch;
    try {
      return await this.#peer.channel.receive("the next step of the migration", { ...patience, signal });
    } catch (error) {
      watch.demandProgress();
      throw error;
    }
  }

  async #take(target: MigrationTarget): Promise<void> {
    const { migration } = this.#request.hello;
    await this.#reached("destination:take-received");
    await target.awaitArrival();
    await this.#reached("destination:arrived");
    await takeOver(this.#parts, migration, target);
    try {
      await this.#reached("destination:running");
      this.#send({ type: "taken", running: this.#request.message.running });
      await this.#reached("destination:taken-sent");
    } finally {
      await finishTakeOver(this.#parts, migration, target);
    }
  }

  /**
   * The conversation broke, or nothing came any more. A copy that is not complete can never run: it goes. A complete
   * one waits for the source's word, however long that takes.
   */
  async #giveUp(target: MigrationTarget | undefined, error: unknown): Promise<void> {
    const reason = error instanceof Error ? error.message : String(error);
    const { migration } = this.#request.hello;
    const { logger, journal } = this.#parts;
    const stalled = error instanceof QmpError && error.code === "MIGRATION_STALLED";
    try {
      if (journal.migration(migration)?.state === "owned") return;
      // A source that died right after the switchover leaves a copy that is complete a moment later.
      const kept = target !== undefined && (await mayBeComplete(target.vm, { arriving: !stalled }));
      if (kept) logger.warn("migration-waits-for-source", { migration, reason });
      else await discard(this.#parts, migration, reason);
    } catch (failure) {
      // The supervisor goes on with what the journal still calls incoming.
      logger.error("migration-not-given-up", { migration, error: failure });
    }
  }

  async #reached(step: Parameters<StepObserver>[0]): Promise<void> {
    await this.#parts.onStep?.(step, this.#request.hello.migration);
  }

  #send(message: DestinationMessage): void {
    this.#peer.channel.send(message);
  }
}
