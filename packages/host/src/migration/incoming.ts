import { rm } from "node:fs/promises";
import { freemem } from "node:os";
import { type Logger, utf8 } from "@waybill/base";
import {
  createDisk,
  isUnderWay,
  type MigrationKey,
  type MigrationOptions,
  MigrationTarget,
  parseVmDefinition,
  type VmDefinition,
} from "@waybill/qemu";
import type { AuditLog, AuditRecord } from "../audit/audit-log.ts";
import { EventId } from "../audit/audit-log.ts";
import type { Authorizer } from "../authorization/authorizer.ts";
import type { Caller } from "../authorization/caller.ts";
import { HostError, Hresult } from "../errors.ts";
import type { Journal, MigrationRecord, VmRecord } from "../journal/journal.ts";
import type { Slots } from "../service/slots.ts";
import type { VmManager } from "../service/vm-manager.ts";
import type { SealedChannel } from "./channel.ts";
import { type Arrival, arrivingPaths, demandFit, demandUnknown, examine, findingOf } from "./examine.ts";
import type { DestinationMessage, SourceMessage } from "./messages.ts";
import type { StepObserver } from "./steps.ts";
import { qemuOptions } from "./transfer-options.ts";

export interface IncomingParts {
  readonly host: string;
  readonly journal: Journal;
  readonly vms: VmManager;
  readonly authorizer: Authorizer;
  readonly audit: AuditLog;
  readonly logger: Logger;
  readonly slots: Slots;
  readonly storageSlots: Slots;
  /** IP address QEMU listens on for memory and disks; `reached` is the one the source has connected to. */
  readonly dataAddress: (reached: string) => string;
  readonly enabled: () => boolean;
  readonly onStep?: StepObserver | undefined;
}

/** The other end of an authenticated connection. */
export interface IncomingPeer {
  readonly caller: Caller;
  /** The address of this host that it has connected to. */
  readonly reached: string;
  readonly channel: SealedChannel<DestinationMessage, SourceMessage>;
  /** GSS_Pseudo_random of the context (RFC 4401). */
  prf(input: Uint8Array, length: number): Uint8Array;
  /** Checks a ticket for `cifs/<this host>`; answers with its AP-REP. @throws HostError when it is another person's. */
  acceptStorageToken(token: Uint8Array): Promise<Uint8Array | undefined>;
}

type Hello = Extract<SourceMessage, { type: "hello" }>;
type Prepare = Extract<SourceMessage, { type: "prepare" }>;

/** How long the source may be silent; it says "alive" every few seconds. */
const patience = { timeout: 60_000 };

/** The destination's side of one migration. What it may do and when: `messages.ts`. */
export class IncomingMigration {
  readonly #parts: IncomingParts;
  readonly #peer: IncomingPeer;
  readonly #hello: Hello;
  #disksAccepted = false;

  constructor(parts: IncomingParts, peer: IncomingPeer, hello: Hello) {
    this.#parts = parts;
    this.#peer = peer;
    this.#hello = hello;
  }

  /** Serves the connection until the migration has ended here, one way or the other. */
  async run(): Promise<void> {
    const { authorizer, slots } = this.#parts;
    const { vm } = this.#hello;
    await this.#parts.vms.cleared(vm.id);
    authorizer.demandProvenance(this.#peer.caller, this.#hello.host);
    authorizer.demand(this.#peer.caller, "accept", vm.name);
    if (!this.#parts.enabled()) throw migrationDisabled(this.#parts.host);
    this.#send({ type: "welcome", host: this.#parts.host, facts: await this.#facts() });
    if (this.#hello.purpose === "check") return await this.#check();
    if (this.#parts.journal.migration(this.#hello.migration) !== undefined)
      throw unexpected("a migration that has ended");
    const release = slots.tryTake();
    if (release === undefined) throw limitReached(this.#parts.host, vm.name, slots.limit);
    try {
      await this.#migrate();
    } finally {
      release();
    }
  }

  /** The report of a check: everything that would be refused, not only the first of it. */
  async #check(): Promise<void> {
    const { slots, storageSlots, host } = this.#parts;
    const message = await this.#receivePrepare();
    const findings = await examine(this.#arrival(this.#parse(message), message));
    const full = message.disks.length > 0 ? [slots, storageSlots] : [slots];
    const limit = full.find(({ taken, limit: most }) => taken >= most);
    findings.push(
      limit === undefined
        ? { check: "limits", severity: "ok", message: `${host} would take one more migration now` }
        : findingOf("limits", limitReached(host, this.#hello.vm.name, limit.limit)),
    );
    if (message.disks.length > 0 && !this.#disksAccepted)
      findings.push(findingOf("storage-rights", storageNotAuthorized(this.#peer.caller.principal, host)));
    this.#send({ type: "findings", findings });
  }

  /** The machine as it would be here. */
  #arrival(requested: VmDefinition, message: Prepare): Arrival {
    const { host, journal, vms } = this.#parts;
    const travelling = new Set(message.disks.map(({ id }) => id));
    const definition = vms.placeArrivingDisks(requested, travelling);
    return { host, journal, vms, definition, message, source: message.source };
  }

  async #receivePrepare(): Promise<Prepare> {
    for (;;) {
      const message = await this.#receive("the preparation");
      if (message.type === "disks") {
        const token = await this.#peer.acceptStorageToken(
          new Uint8Array(Buffer.from(message.token, "base64")),
        );
        this.#disksAccepted = true;
        this.#send({
          type: "disks-accepted",
          ...(token === undefined ? {} : { token: Buffer.from(token).toString("base64") }),
        });
        continue;
      }
      if (message.type === "prepare") return message;
      throw unexpected(message.type);
    }
  }

  async #migrate(): Promise<void> {
    const message = await this.#receivePrepare();
    const requested = this.#parse(message);
    const withDisks = message.disks.length > 0;
    if (withDisks && !this.#disksAccepted)
      throw storageNotAuthorized(this.#peer.caller.principal, this.#parts.host);
    const arrival = this.#arrival(requested, message);
    const { definition } = arrival;
    await demandFit(arrival);
    const releaseStorage = withDisks ? this.#parts.storageSlots.tryTake() : undefined;
    if (withDisks && releaseStorage === undefined) {
      throw limitReached(this.#parts.host, definition.name, this.#parts.storageSlots.limit);
    }
    try {
      await this.#reached("destination:greeted");
      this.#register(definition, message);
      await this.#receiveMachine(definition, message);
    } finally {
      releaseStorage?.();
    }
  }

  /** From here on the journal knows of the copy; every way out either owns it or discards it. */
  async #receiveMachine(definition: VmDefinition, message: Prepare): Promise<void> {
    const { vms } = this.#parts;
    const dataAddress = this.#parts.dataAddress(this.#peer.reached);
    let target: MigrationTarget | undefined;
    try {
      await this.#reached("destination:registered");
      // A late end of an earlier copy may have begun before this one was in the journal.
      await vms.cleared(definition.uuid);
      for (const disk of message.disks) {
        const image = definition.disks.find(({ id }) => id === disk.id);
        if (image === undefined) throw unexpected(`disk ${disk.id}`);
        await vms.makeFolder(image.path);
        await createDisk(image, disk.bytes, vms.options.runAs);
      }
      const options: MigrationOptions = qemuOptions(message.options);
      target = await MigrationTarget.start(vms.launch(definition), {
        migration: options,
        secret: this.#secret(),
      });
      vms.adopt(definition.uuid, target.vm);
      await this.#reached("destination:started");
      const storage = message.disks.length > 0 ? await target.exportDisks(dataAddress) : undefined;
      const memory = await target.listen(dataAddress);
      await this.#reached("destination:listening");
      this.#send({
        type: "prepared",
        memory,
        machine: definition.machine,
        ...(storage === undefined ? {} : { storage }),
      });
      await this.#follow(target, message.running);
    } catch (error) {
      await this.#giveUp(target, error);
      throw error;
    }
  }

  /** Does what the source says until the machine is taken or given up. */
  async #follow(target: MigrationTarget, running: boolean): Promise<void> {
    for (;;) {
      const message = await this.#receive("the next step of the migration");
      switch (message.type) {
        case "alive":
          break;
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
          await this.#reached("destination:take-received");
          await target.awaitArrival();
          await this.#reached("destination:arrived");
          await takeOver(this.#parts, this.#hello.migration, target);
          await this.#reached("destination:running");
          this.#send({ type: "taken", running });
          await this.#reached("destination:taken-sent");
          return;
        case "abort":
          await discard(this.#parts, this.#hello.migration, target, message.reason);
          this.#send({ type: "discarded", reason: message.reason });
          return;
        default:
          throw unexpected(message.type);
      }
    }
  }

  /**
   * The conversation broke. A copy that is not complete can never run: it goes. A complete one waits for the
   * source's word, however long that takes.
   */
  async #giveUp(target: MigrationTarget | undefined, error: unknown): Promise<void> {
    const reason = error instanceof Error ? error.message : String(error);
    const { migration } = this.#hello;
    const { logger, journal } = this.#parts;
    try {
      if (journal.migration(migration)?.state === "owned") return;
      // A source that died right after the switchover leaves a copy that is complete a moment later.
      const kept = target !== undefined && (await mayBeComplete(target));
      if (kept) logger.warn("migration-waits-for-source", { migration, reason });
      else await discard(this.#parts, migration, target, reason);
    } catch (failure) {
      // The supervisor goes on with what the journal still calls incoming.
      logger.error("migration-not-given-up", { migration, error: failure });
    }
  }

  async #reached(step: Parameters<StepObserver>[0]): Promise<void> {
    await this.#parts.onStep?.(step, this.#hello.migration);
  }

  #secret(): MigrationKey {
    const { migration } = this.#hello;
    return { identity: migration, key: this.#peer.prf(pskInput(migration), 32) };
  }

  #register(definition: VmDefinition, message: Prepare): void {
    const { running } = message;
    const { journal, host, audit } = this.#parts;
    const { migration, host: from } = this.#hello;
    const { caller } = this.#peer;
    const now = { started: Date.now(), updated: Date.now() };
    // Another conversation may have come first while this one was being examined.
    if (journal.migration(migration) !== undefined) throw unexpected("a migration that has ended");
    demandUnknown({ journal, host, definition });
    const vm: VmRecord = {
      id: definition.uuid,
      name: definition.name,
      definition,
      custody: { state: "incoming", migration, from },
      wanted: running ? "running" : "paused",
      updated: now.updated,
    };
    const record: MigrationRecord = {
      id: migration,
      vm: definition.uuid,
      vmName: definition.name,
      role: "destination",
      peer: from,
      person: caller.principal,
      state: "transferring",
      disks: arrivingPaths(definition, message),
      ...now,
    };
    journal.commit({ vms: [vm], migrations: [record] });
    audit.write({
      action: "accept",
      outcome: "allowed",
      person: caller.principal,
      assertedBy: caller.assertedBy,
      delegatingHost: caller.transitedServices.at(-1),
      vm: definition.name,
      migration,
      peer: from,
      detail: `${host} lets ${definition.name} in`,
    });
  }

  #parse(message: Prepare): VmDefinition {
    const definition = parseVmDefinition(message.definition);
    const { vm } = this.#hello;
    if (definition.uuid === vm.id && definition.name === vm.name) return definition;
    throw new HostError("the definition is of another machine than the migration was announced for", {
      code: "MIGRATION_PROTOCOL_ERROR",
      family: "peer",
      hresult: Hresult.invalidArgument,
      facts: { announced: vm.name, received: definition.name },
    });
  }

  async #facts(): Promise<Record<string, unknown>> {
    return { accelerator: this.#parts.vms.options.accelerator, memoryFree: freemem(), time: Date.now() };
  }

  #send(message: DestinationMessage): void {
    this.#peer.channel.send(message);
  }

  async #receive(what: string): Promise<SourceMessage> {
    return await this.#peer.channel.receive(what, patience);
  }
}

/** What the TLS pre-shared key of one migration is derived from; both sides compute the same. */
export function pskInput(migration: string): Uint8Array {
  return utf8(`waybill migration tls-psk ${migration}`);
}

/** Whether a copy is complete, or still on its way to it: then the supervisor sees what becomes of it. */
async function mayBeComplete(target: MigrationTarget): Promise<boolean> {
  if (await isComplete(target)) return true;
  try {
    const { status } = await target.vm.migration();
    return isUnderWay(status) && status !== "setup";
  } catch {
    return false;
  }
}

export async function isComplete(target: MigrationTarget): Promise<boolean> {
  try {
    const { status } = await target.vm.migration();
    return status === "completed" || status === "postcopy-active";
  } catch {
    return false;
  }
}

/**
 * The machine becomes this host's: first in the journal, then in fact. Once the journal says so nothing is
 * taken back: a guest that cannot be told to run now is left to the supervisor.
 */
export async function takeOver(
  parts: Pick<IncomingParts, "journal" | "audit" | "logger" | "onStep">,
  migration: string,
  target: MigrationTarget,
): Promise<void> {
  const { journal, logger } = parts;
  const record = journal.migration(migration);
  const vm = record === undefined ? undefined : journal.vm(record.vm);
  if (record?.state === "owned") return;
  const { custody } = vm ?? {};
  const waiting = custody?.state === "incoming" && custody.migration === migration;
  if (record?.state !== "transferring" || vm === undefined || !waiting)
    throw unexpected("take, for a copy that was given up");
  const owned: MigrationRecord = { ...record, state: "owned" };
  journal.commit({ vms: [{ ...vm, custody: { state: "owner" }, note: undefined }], migrations: [owned] });
  await parts.onStep?.("destination:owned", migration);
  try {
    if (vm.wanted === "running") await target.activate();
    else await target.vm.takeOwnership();
    await target.tidy();
  } catch (error) {
    logger.error("activation-left-to-supervisor", { vm: vm.name, migration, error });
  }
  recordOutcome(parts, owned, { outcome: "succeeded", eventId: EventId.migrationCompleted });
}

/**
 * The copy will never run: first in the journal, then in fact.
 *
 * @returns false when it is too late: the machine is this host's already.
 */
export async function discard(
  parts: Pick<IncomingParts, "journal" | "audit" | "logger" | "vms">,
  migration: string,
  target: MigrationTarget | undefined,
  reason: string,
): Promise<boolean> {
  const { journal, vms } = parts;
  const record = journal.migration(migration);
  if (record === undefined || record.state === "owned" || record.state === "done") return false;
  const custody = journal.vm(record.vm)?.custody;
  const arriving = custody?.state === "incoming" && custody.migration === migration;
  const discarded: MigrationRecord = { ...record, state: "discarded", reason: record.reason ?? reason };
  if (record.state !== "discarded" || arriving) {
    journal.commit({ removedVms: arriving ? [record.vm] : [], migrations: [discarded] });
    recordOutcome(parts, record, { outcome: "failed", detail: reason.slice(0, 500) });
  }
  // The machine may have come back by another migration since: then what is here is that one's.
  if (journal.vm(record.vm) !== undefined) return true;
  await vms.clear(record.vm, async () => {
    await target?.abandon();
    // Half a copy of a disk is of no use, and would be in the way of the next attempt.
    for (const path of record.disks ?? []) await rm(path, { force: true });
  });
  if ((record.disks?.length ?? 0) > 0) journal.commit({ migrations: [{ ...discarded, disks: [] }] });
  return true;
}

/** What happened has happened: an audit trail that cannot be written must not undo it. */
function recordOutcome(
  parts: Pick<IncomingParts, "audit" | "logger">,
  { person, peer, vmName, id }: MigrationRecord,
  outcome: Pick<AuditRecord, "outcome" | "eventId" | "detail">,
): void {
  try {
    parts.audit.write({
      action: "accept",
      person,
      assertedBy: "recorded",
      delegatingHost: peer,
      vm: vmName,
      migration: id,
      peer,
      ...outcome,
    });
  } catch (error) {
    parts.logger.error("audit-not-written", { migration: id, vm: vmName, error });
  }
}

function unexpected(what: string): HostError {
  return new HostError(`the source sent "${what}" where it has no place`, {
    code: "MIGRATION_PROTOCOL_ERROR",
    family: "peer",
    hresult: Hresult.failed,
  });
}

function migrationDisabled(host: string): HostError {
  return new HostError(`live migration is not enabled on ${host}`, {
    code: "MIGRATION_DISABLED",
    family: "environment",
    hresult: Hresult.connectionRefused,
    remedy: `Enable it: waybill host settings ${host} --enable-migration.`,
  });
}

function limitReached(host: string, vm: string, limit: number): HostError {
  return new HostError(
    `Failed to perform migration on virtual machine '${vm}' because virtual machine migration limit '${limit}' was reached on ${host}, please wait for completion of an ongoing migration operation.`,
    {
      code: "MIGRATION_LIMIT",
      family: "environment",
      hresult: Hresult.failed,
      facts: { host, limit },
      remedy: `Wait, or raise the limit: waybill host settings ${host} --maximum-migrations N.`,
    },
  );
}

function storageNotAuthorized(principal: string, host: string): HostError {
  return new HostError(
    `${principal} has not shown a ticket for cifs/${host}, and the disks are to be written there`,
    {
      code: "STORAGE_NOT_AUTHORIZED",
      family: "peer",
      hresult: Hresult.accessDenied,
      remedy: `Allow the source host to delegate to cifs/${host}.`,
    },
  );
}
