import { rm, statfs } from "node:fs/promises";
import { freemem } from "node:os";
import { dirname } from "node:path";
import { type Logger, utf8 } from "@waybill/base";
import {
  createDisk,
  type MigrationKey,
  type MigrationOptions,
  MigrationTarget,
  parseVmDefinition,
  type VmDefinition,
} from "@waybill/qemu";
import type { AuditLog } from "../audit/audit-log.ts";
import { EventId } from "../audit/audit-log.ts";
import type { Authorizer } from "../authorization/authorizer.ts";
import type { Caller } from "../authorization/caller.ts";
import { HostError, Hresult } from "../errors.ts";
import type { Journal, MigrationRecord, VmRecord } from "../journal/journal.ts";
import type { Slots } from "../service/slots.ts";
import type { VmManager } from "../service/vm-manager.ts";
import type { SealedChannel } from "./channel.ts";
import type { DestinationMessage, SourceMessage } from "./messages.ts";
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
  /** IP address QEMU listens on for memory and disks. */
  readonly dataAddress: string;
  readonly enabled: () => boolean;
}

/** The other end of an authenticated connection. */
export interface IncomingPeer {
  readonly caller: Caller;
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

  async #check(): Promise<void> {
    const message = await this.#receivePrepare();
    const definition = this.#parse(message);
    await this.#examine(definition, message);
    this.#send({
      type: "prepared",
      memory: { host: this.#parts.dataAddress, port: 1 },
      machine: definition.machine,
    });
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
    const definition = withDisks ? await this.#parts.vms.placeArrivingDisks(requested) : requested;
    await this.#examine(definition, message);
    const releaseStorage = withDisks ? this.#parts.storageSlots.tryTake() : undefined;
    if (withDisks && releaseStorage === undefined) {
      throw limitReached(this.#parts.host, definition.name, this.#parts.storageSlots.limit);
    }
    try {
      this.#register(definition, message);
      await this.#receiveMachine(definition, message);
    } finally {
      releaseStorage?.();
    }
  }

  /** From here on the journal knows of the copy; every way out either owns it or discards it. */
  async #receiveMachine(definition: VmDefinition, message: Prepare): Promise<void> {
    const { vms, dataAddress } = this.#parts;
    let target: MigrationTarget | undefined;
    let taken = false;
    try {
      for (const disk of message.disks) {
        const image = definition.disks.find(({ id }) => id === disk.id);
        if (image === undefined) throw unexpected(`disk ${disk.id}`);
        await createDisk(image, disk.bytes, vms.options.runAs);
      }
      const options: MigrationOptions = qemuOptions(message.options);
      target = await MigrationTarget.start(vms.launch(definition), {
        migration: options,
        secret: this.#secret(),
      });
      vms.adopt(definition.uuid, target.vm);
      const storage = message.disks.length > 0 ? await target.exportDisks(dataAddress) : undefined;
      const memory = await target.listen(dataAddress);
      this.#send({
        type: "prepared",
        memory,
        machine: definition.machine,
        ...(storage === undefined ? {} : { storage }),
      });
      taken = await this.#follow(target, message.running);
    } catch (error) {
      if (!taken) await this.#giveUp(target, error);
      throw error;
    }
  }

  /** Does what the source says until the machine is taken or given up. */
  async #follow(target: MigrationTarget, running: boolean): Promise<boolean> {
    for (;;) {
      const message = await this.#receive("the next step of the migration");
      switch (message.type) {
        case "alive":
          break;
        case "flowing":
          await target.closeDoor();
          break;
        case "mirrored":
          await target.closeStorage();
          this.#send({ type: "storage-closed" });
          break;
        case "take":
          await target.awaitArrival();
          await takeOver(this.#parts, this.#hello.migration, target, running);
          this.#send({ type: "taken", running });
          return true;
        case "abort":
          await discard(this.#parts, this.#hello.migration, target, message.reason);
          this.#send({ type: "discarded", reason: message.reason });
          return false;
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
    const complete = target !== undefined && (await isComplete(target));
    if (complete) {
      this.#parts.logger.warn("migration-waits-for-source", { migration: this.#hello.migration, reason });
      return;
    }
    await discard(this.#parts, this.#hello.migration, target, reason);
  }

  #secret(): MigrationKey {
    const { migration } = this.#hello;
    return { identity: migration, key: this.#peer.prf(pskInput(migration), 32) };
  }

  #register(definition: VmDefinition, { running, disks }: Prepare): void {
    const { journal, host, audit } = this.#parts;
    const { migration, host: from } = this.#hello;
    const { caller } = this.#peer;
    const now = { started: Date.now(), updated: Date.now() };
    const vm: VmRecord = {
      id: definition.uuid,
      name: definition.name,
      definition,
      custody: { state: "incoming", migration, from },
      wanted: running ? "running" : "stopped",
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
      disks: definition.disks
        .filter(({ id }) => disks.some((disk) => disk.id === id))
        .map(({ path }) => path),
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

  /** Everything that can be known to be wrong before anything moves. */
  async #examine(definition: VmDefinition, message: Prepare): Promise<void> {
    const { journal, vms, host } = this.#parts;
    const existing = journal.vm(definition.uuid) ?? journal.vmByName(definition.name);
    if (existing !== undefined) {
      throw new HostError(`${host} already has a virtual machine called ${existing.name}`, {
        code: "VM_EXISTS",
        family: "environment",
        hresult: Hresult.failed,
        facts: { vm: existing.name, custody: existing.custody.state },
        remedy: "Remove or rename the one at the destination, or wait until its own migration has settled.",
      });
    }
    const arriving = message.disks.map(
      ({ id }) => definition.disks.find((disk) => disk.id === id)?.path ?? "",
    );
    vms.checkFiles(definition);
    await vms.checkFilesExist(definition, new Set(arriving));
    vms.place(definition);
    const needed = definition.memoryMiB * 1024 * 1024;
    if (needed > freemem()) {
      throw new HostError(
        `${host} has ${mebibytes(freemem())} MiB of memory free, ${definition.name} needs ${definition.memoryMiB}`,
        {
          code: "NOT_ENOUGH_MEMORY",
          family: "environment",
          hresult: Hresult.outOfMemory,
          facts: { host, free: freemem(), needed },
          remedy: "Free memory on the destination, or choose another one.",
        },
      );
    }
    await this.#examineSpace(message, arriving[0]);
  }

  async #examineSpace(message: Prepare, path: string | undefined): Promise<void> {
    if (path === undefined) return;
    const wanted = message.disks.reduce((total, disk) => total + disk.bytes, 0);
    const { bavail, bsize } = await statfs(dirname(path));
    if (wanted <= bavail * bsize) return;
    throw new HostError(
      `${this.#parts.host} has ${mebibytes(bavail * bsize)} MiB of disk space free, the disks need ${mebibytes(wanted)}`,
      {
        code: "NOT_ENOUGH_SPACE",
        family: "environment",
        hresult: Hresult.failed,
        facts: { needed: wanted, free: bavail * bsize },
        remedy: "Free space in the destination's first storage folder.",
      },
    );
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

export async function isComplete(target: MigrationTarget): Promise<boolean> {
  try {
    const { status } = await target.vm.migration();
    return status === "completed" || status === "postcopy-active";
  } catch {
    return false;
  }
}

/** The machine becomes this host's: first in the journal, then in fact. */
export async function takeOver(
  parts: Pick<IncomingParts, "journal" | "audit" | "logger">,
  migration: string,
  target: MigrationTarget,
  running: boolean,
): Promise<void> {
  const { journal } = parts;
  const record = journal.migration(migration);
  const vm = record === undefined ? undefined : journal.vm(record.vm);
  if (record === undefined || vm === undefined) throw unexpected("a migration that is not in the journal");
  journal.commit({
    vms: [{ ...vm, custody: { state: "owner" }, wanted: running ? "running" : "stopped" }],
    migrations: [{ ...record, state: "owned" }],
  });
  if (running) await target.activate();
  else await target.vm.takeOwnership();
  parts.audit.write({
    action: "accept",
    outcome: "succeeded",
    person: record.person,
    assertedBy: "recorded",
    delegatingHost: record.peer,
    vm: vm.name,
    migration,
    peer: record.peer,
    eventId: EventId.migrationCompleted,
  });
  await target.tidy().catch((error: unknown) => parts.logger.warn("tidy-failed", { migration, error }));
}

/** The copy will never run: first in the journal, then in fact. */
export async function discard(
  parts: Pick<IncomingParts, "journal" | "audit" | "logger" | "vms">,
  migration: string,
  target: MigrationTarget | undefined,
  reason: string,
): Promise<void> {
  const { journal, vms } = parts;
  const record = journal.migration(migration);
  if (record !== undefined && record.state !== "owned") {
    journal.commit({ removedVms: [record.vm], migrations: [{ ...record, state: "discarded", reason }] });
    parts.audit.write({
      action: "accept",
      outcome: "failed",
      person: record.person,
      assertedBy: "recorded",
      delegatingHost: record.peer,
      vm: record.vmName,
      migration,
      peer: record.peer,
      detail: reason,
    });
  }
  if (target !== undefined) {
    await target.abandon();
    await vms.forget(target.vm.definition.uuid);
  }
  // Half a copy of a disk is of no use, and would be in the way of the next attempt.
  for (const path of record?.disks ?? []) await rm(path, { force: true });
}

function mebibytes(bytes: number): number {
  return Math.floor(bytes / (1024 * 1024));
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
