import { freemem } from "node:os";
import type { Logger } from "@waybill/base";
import { parseVmDefinition, type VmDefinition } from "@waybill/qemu";
import type { AuditLog } from "../audit/audit-log.ts";
import type { Outcomes } from "../audit/outcomes.ts";
import type { Authorizer } from "../authorization/authorizer.ts";
import type { Caller } from "../authorization/caller.ts";
import { HostError, Hresult } from "../errors.ts";
import type { Journal } from "../journal/journal.ts";
import type { Slots } from "../service/slots.ts";
import type { VmManager } from "../service/vm-manager.ts";
import type { Arrivals } from "./arrivals.ts";
import type { SealedChannel } from "./channel.ts";
import { type Arrival, demandFit, examine, findingOf } from "./examine.ts";
import type { DestinationMessage, SourceMessage } from "./messages.ts";
import { patience, Reception } from "./reception.ts";
import { limitReached, migrationDisabled, storageNotAuthorized, unexpected } from "./refusals.ts";
import type { StepObserver } from "./steps.ts";

export interface IncomingParts {
  readonly host: string;
  readonly journal: Journal;
  readonly vms: VmManager;
  readonly authorizer: Authorizer;
  readonly audit: AuditLog;
  readonly outcomes: Outcomes;
  readonly logger: Logger;
  readonly slots: Slots;
  readonly storageSlots: Slots;
  readonly arrivals: Arrivals;
  /** IP address QEMU listens on for memory and disks; `reached` is the one the source has connected to. */
  readonly dataAddress: (reached: string) => string;
  /** How long a migration may hold a slot here while nothing of it arrives, in ms. */
  readonly stallTimeout: number;
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

export type Hello = Extract<SourceMessage, { type: "hello" }>;
export type Prepare = Extract<SourceMessage, { type: "prepare" }>;
/** How long a migration waits for a free slot here, in ms: waiting longer is the source's. */
const slotTime = 3000;

/**
 * The destination's side of one migration up to the point where it is let in: who asks, whether there is room, whether
 * the machine fits. What follows is {@link Reception}; what either may do and when: `messages.ts`.
 */
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
    await this.#leftBehind();
    if (this.#parts.journal.migration(this.#hello.migration) !== undefined)
      throw unexpected("a migration that has ended");
    const release = await this.#slot(slots, vm.name);
    try {
      await this.#migrate();
    } finally {
      release();
    }
  }

  /** A source begins its next migration when this host has said of the last that it is over, and not yet put it away. */
  async #slot(slots: Slots, vm: string): Promise<() => void> {
    try {
      return await slots.take(AbortSignal.timeout(slotTime));
    } catch {
      throw limitReached(this.#parts.host, vm, slots.limit);
    }
  }

  /** What the same source has left here of the same machine is over, and is waited for. */
  async #leftBehind(): Promise<void> {
    const { migration, vm, host } = this.#hello;
    const { arrivals, vms } = this.#parts;
    await arrivals.end((other) => other.vm === vm.id && other.host === host && other.migration !== migration);
    await vms.cleared(vm.id);
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
    const definition = vms.files.placeArriving(requested, travelling);
    return { host, journal, vms, definition, message, source: message.source };
  }

  async #receivePrepare(): Promise<Prepare> {
    for (;;) {
      const message = await this.#peer.channel.receive("the preparation", patience);
      if (message.type === "disks") {
        // Once is enough: nobody keeps a slot by showing tickets.
        if (this.#disksAccepted) throw unexpected(message.type);
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
    const releaseStorage = withDisks
      ? await this.#slot(this.#parts.storageSlots, definition.name)
      : undefined;
    try {
      await this.#parts.onStep?.("destination:greeted", this.#hello.migration);
      await new Reception(this.#parts, this.#peer, { hello: this.#hello, definition, message }).run();
    } finally {
      releaseStorage?.();
    }
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
      remedy: "Check that both hosts run compatible versions of Waybill.",
    });
  }

  async #facts(): Promise<Record<string, unknown>> {
    return { accelerator: this.#parts.vms.options.accelerator, memoryFree: freemem(), time: Date.now() };
  }

  #send(message: DestinationMessage): void {
    this.#peer.channel.send(message);
  }
}
