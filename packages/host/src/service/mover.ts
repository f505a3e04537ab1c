import { AbortedError, type Logger, WaybillError } from "@waybill/base";
import type { MigrationProgress } from "@waybill/qemu";
import { type AuditLog, EventId } from "../audit/audit-log.ts";
import type { Outcomes } from "../audit/outcomes.ts";
import type { Authorizer } from "../authorization/authorizer.ts";
import { HostError, Hresult } from "../errors.ts";
import { type DelegationBroker, DelegationError } from "../evidence/delegation-broker.ts";
import type { Journal, VmRecord } from "../journal/journal.ts";
import { type Connector, outgoingPeer } from "../migration/connector.ts";
import { findingOf } from "../migration/examine.ts";
import { migrationServiceClass, storageServiceClass, type TransferOptions } from "../migration/messages.ts";
import { OutgoingMigration } from "../migration/outgoing.ts";
import { notRunning } from "../migration/refusals.ts";
import type { Resolver } from "../migration/resolver.ts";
import type { StepObserver } from "../migration/steps.ts";
import type { SourceLimits } from "../migration/transfer-options.ts";
import { type Finding, type JobStore, type MigrationJob, toJobError } from "./jobs.ts";
import type { Session } from "./session-broker.ts";
import type { Slots } from "./slots.ts";
import { demandOwner, type VmManager } from "./vm-manager.ts";

export interface MoveRequest {
  readonly vm: VmRecord;
  readonly destination: string;
  readonly withDisks: boolean;
  readonly options: TransferOptions;
  readonly limits: SourceLimits;
}

export interface MoverParts {
  readonly host: string;
  readonly journal: Journal;
  readonly vms: VmManager;
  readonly authorizer: Authorizer;
  readonly broker: DelegationBroker;
  readonly connector: Connector;
  readonly resolver: Resolver;
  readonly jobs: JobStore;
  readonly audit: AuditLog;
  readonly outcomes: Outcomes;
  readonly slots: Slots;
  readonly storageSlots: Slots;
  readonly logger: Logger;
  readonly onStep?: StepObserver | undefined;
}

/** Moves VMs away from this host in people's names. */
export class Mover {
  readonly #parts: MoverParts;

  constructor(parts: MoverParts) {
    this.#parts = parts;
  }

  /** Starts a move and returns its job at once. @throws HostError when the person may not, or the VM cannot. */
  start(session: Session, request: MoveRequest): MigrationJob {
    const { vm, destination } = request;
    const { authorizer, jobs, host, journal } = this.#parts;
    authorizer.demand(session.caller, "move-out", vm.name);
    demandOwner(vm);
    if (destination.toLowerCase() === host.toLowerCase()) throw alreadyHere(vm.name, host);
    const busy = jobs
      .all()
      .find((job) => job.vm.id === vm.id && (job.state === "queued" || job.state === "running"));
    if (busy !== undefined) throw alreadyMoving(vm.name, busy.destination);
    const unfinished = journal
      .migrations()
      .find((record) => record.vm === vm.id && record.role === "source" && record.state === "transferring");
    if (unfinished !== undefined) throw alreadyMoving(vm.name, unfinished.peer);
    const { job, signal } = jobs.create({
      kind: "move",
      vm: { id: vm.id, name: vm.name },
      destination,
      owner: session.caller.principal,
      withDisks: request.withDisks,
    });
    void this.#run(session, request, job.id, signal);
    return job;
  }

  /** Starts a check: everything a move does before anything moves, a finding each. */
  check(session: Session, request: MoveRequest): MigrationJob {
    const { authorizer, jobs } = this.#parts;
    authorizer.demand(session.caller, "move-out", request.vm.name);
    const { id, name } = request.vm;
    const { job, signal } = jobs.create({
      kind: "check",
      vm: { id, name },
      destination: request.destination,
      owner: session.caller.principal,
      withDisks: request.withDisks,
    });
    void this.#check(session, request, job.id, signal);
    return job;
  }

  async #check(session: Session, request: MoveRequest, id: string, signal: AbortSignal): Promise<void> {
    const { jobs } = this.#parts;
    const findings: Finding[] = [];
    const pass = (check: string, message: string): void => {
      findings.push({ check, severity: "ok", message });
      jobs.update(id, { findings: [...findings] });
    };
    let step = "ownership";
    let close = (): void => {};
    jobs.update(id, { state: "running", started: Date.now() });
    try {
      demandOwner(request.vm);
      pass(step, `${request.vm.name} belongs to ${this.#parts.host}`);
      step = "delegation";
      const opened = await this.#open(session, request, id, () => {}, signal);
      close = opened.close;
      pass(step, `${request.destination} is reached in the name of ${session.caller.principal}`);
      step = "running";
      const machine = await this.#parts.vms.machine(request.vm.id);
      if (machine === undefined) findings.push(findingOf(step, notRunning(request.vm.name)));
      else pass(step, `${request.vm.name} is running, so it can be moved live`);
      step = "destination";
      findings.push(...(await opened.outgoing.check()));
      const wrong = findings.find(({ severity }) => severity === "error");
      if (wrong === undefined) jobs.end(id, "completed", { findings });
      else
        jobs.end(id, "failed", {
          findings,
          error: {
            code: wrong.code ?? "CHECK_FAILED",
            message: wrong.message,
            remedy: wrong.remedy,
            hresult: Hresult.failed,
          },
        });
    } catch (error) {
      if (error instanceof DelegationError) jobs.update(id, { steps: error.steps });
      const failure = toJobError(error);
      const { code, message, remedy } = failure;
      jobs.end(id, "failed", {
        error: failure,
        findings: [...findings, { check: step, severity: "error", message, code, remedy }],
      });
    } finally {
      close();
    }
  }

  async #run(session: Session, request: MoveRequest, id: string, signal: AbortSignal): Promise<void> {
    const { jobs, slots, storageSlots } = this.#parts;
    const releases: (() => void)[] = [];
    let outgoing: OutgoingMigration | undefined;
    let close = (): void => {};
    try {
      releases.push(await slots.take(signal));
      if (request.withDisks) releases.push(await storageSlots.take(signal));
      jobs.update(id, { state: "running", started: Date.now() });
      this.#allow(session, request, id);
      await this.#parts.resolver.told(request.vm.id, request.destination, signal);
      const onProgress = (progress: MigrationProgress): void => jobs.update(id, { progress });
      ({ outgoing, close } = await this.#open(session, request, id, onProgress, signal));
      const report = await outgoing.run();
      jobs.end(id, "completed", { report });
      this.#parts.outcomes.write(id);
    } catch (error) {
      if (error instanceof DelegationError) jobs.update(id, { steps: error.steps });
      if (outgoing?.surrendered === true) this.#awaitDestination(session, request, id, error);
      else {
        this.#failed(session, request, id, error);
        const { resolver, journal } = this.#parts;
        const record = journal.migration(id);
        if (record?.state === "transferring") resolver.callBack(id, toJobError(error).message);
        else if (record?.untold === true) resolver.tell(id);
      }
    } finally {
      close();
      for (const release of releases) release();
    }
  }

  async #open(
    session: Session,
    request: MoveRequest,
    id: string,
    onProgress: (progress: MigrationProgress) => void,
    signal: AbortSignal,
  ): Promise<{ outgoing: OutgoingMigration; close: () => void }> {
    const { broker, connector, jobs } = this.#parts;
    const { destination } = request;
    const delegated = await broker.credentialFor(
      session.subject,
      `${migrationServiceClass}/${destination}`,
      signal,
    );
    jobs.update(id, { steps: delegated.steps, evidence: delegated.evidence });
    const conversation = await connector.open(destination, delegated.credential, signal);
    const storageCredential = async () => {
      const storage = await broker.credentialFor(
        session.subject,
        `${storageServiceClass}/${destination}`,
        signal,
      );
      jobs.update(id, { steps: [...delegated.steps, ...storage.steps] });
      return storage.credential;
    };
    const outgoing = new OutgoingMigration(this.#parts, outgoingPeer(conversation, storageCredential), {
      ...request,
      migration: id,
      person: session.caller.principal,
      assertedBy: session.caller.assertedBy,
      evidence: delegated.evidence,
      onProgress,
      signal,
    });
    return { outgoing, close: () => conversation.channel.channel.close() };
  }

  /** The machine is given up in the journal; only the destination knows what became of it. */
  #awaitDestination(session: Session, request: MoveRequest, id: string, error: unknown): void {
    const { jobs, journal, resolver, outcomes, logger } = this.#parts;
    logger.warn("migration-unsettled", { vm: request.vm.name, migration: id, error });
    jobs.update(id, { state: "waiting-for-destination", error: toJobError(error) });
    void resolver.settle(id).then(() => {
      const outcome = journal.migration(id);
      if (outcome?.state === "done") {
        jobs.end(id, "completed", { error: undefined });
        outcomes.write(id);
      } else if (outcome?.state === "failed") this.#failed(session, request, id, error);
    });
  }

  #failed(session: Session, request: MoveRequest, id: string, error: unknown): void {
    const cancelled = error instanceof AbortedError;
    const shown = cancelled && error.cause instanceof WaybillError ? error.cause : error;
    this.#parts.jobs.end(id, cancelled ? "cancelled" : "failed", { error: toJobError(shown) });
    this.#parts.logger.warn("migration-failed", { vm: request.vm.name, migration: id, error: shown });
    const details = {
      code: shown instanceof WaybillError ? shown.code : undefined,
      eventId: shown instanceof DelegationError ? EventId.noCredentials : EventId.migrationFailedAtSource,
      detail: shown instanceof Error ? shown.message.slice(0, 500) : undefined,
    };
    if (this.#parts.journal.migration(id) !== undefined) {
      this.#parts.outcomes.write(id, details);
      return;
    }
    try {
      this.#parts.audit.write({ ...this.#line(session, request, id), outcome: "failed", ...details });
    } catch (cause) {
      // What has ended has ended.
      this.#parts.logger.error("audit-not-written", { migration: id, error: cause });
    }
  }

  /** Nothing starts without its line in the trail. @throws HostError `AUDIT_UNWRITABLE` */
  #allow(session: Session, request: MoveRequest, migration: string): void {
    this.#parts.audit.write({ ...this.#line(session, request, migration), outcome: "allowed" });
  }

  #line({ caller }: Session, request: MoveRequest, migration: string) {
    return {
      action: "move-out",
      person: caller.principal,
      assertedBy: caller.assertedBy,
      delegatingHost: this.#parts.host,
      evidence: this.#parts.jobs.get(migration)?.evidence,
      vm: request.vm.name,
      migration,
      peer: request.destination,
    } as const;
  }
}

function alreadyHere(vm: string, host: string): HostError {
  return new HostError(`${vm} is on ${host} already`, {
    code: "ALREADY_THERE",
    family: "caller",
    hresult: Hresult.invalidArgument,
    remedy: "Name another destination.",
  });
}

function alreadyMoving(vm: string, destination: string): HostError {
  return new HostError(`${vm} is being moved to ${destination} already`, {
    code: "ALREADY_MOVING",
    family: "caller",
    hresult: Hresult.failed,
    remedy: "Wait for that move, or cancel it.",
  });
}
