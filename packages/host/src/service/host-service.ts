import { randomUUID } from "node:crypto";
import { freemem, totalmem } from "node:os";
import type { Logger } from "@waybill/base";
import {
  type AuditQuery,
  type AuditRecord,
  CimReturnValue,
  type HostCaller,
  type HostStatus,
  type HyperVHost,
  type Job,
  type JobError,
  type MethodOutcome,
  type MigrationNetwork,
  type MigrationProgress,
  type MigrationRequest,
  type MigrationServiceState,
  type MigrationSettings,
  type MigrationSettingsPatch,
  type PreflightFinding,
  ReturnValue,
  type VirtualMachine,
  type VmDefinitionRequest,
  type VmRequest,
} from "@waybill/hyperv";
import { parseVmDefinition } from "@waybill/qemu";
import type { AuditAction, AuditLog } from "../audit/audit-log.ts";
import { type Authorizer, type Right, rights } from "../authorization/authorizer.ts";
import type { EvidenceMode } from "../config/host-config.ts";
import { HostError, Hresult } from "../errors.ts";
import type { Journal, VmRecord } from "../journal/journal.ts";
import { defaultSourceLimits } from "../migration/transfer-options.ts";
import { isOver, type JobStore, type MigrationJob } from "./jobs.ts";
import type { MoveRequest, Mover } from "./mover.ts";
import { documentFormat, presentFindings, presentJob, presentProgress, presentVm } from "./present.ts";
import type { Session } from "./session-broker.ts";
import type { SettingsStore } from "./settings.ts";
import { demandOwner, type VmManager } from "./vm-manager.ts";

export interface HostServiceParts {
  readonly host: string;
  readonly realm: string;
  readonly version: string;
  readonly journal: Journal;
  readonly vms: VmManager;
  readonly authorizer: Authorizer;
  readonly mover: Mover;
  readonly jobs: JobStore;
  readonly settings: SettingsStore;
  readonly audit: AuditLog;
  readonly logger: Logger;
  readonly evidence: () => EvidenceMode;
  readonly requireProofOfIdentity: boolean;
  readonly listenerAddresses: readonly string[];
  /** The live session behind a caller. @throws HostError `SESSION_UNKNOWN` */
  session(caller: HostCaller): Session;
}

const done: MethodOutcome = { returnValue: ReturnValue.completed };

/** The host behind the WMI v2 surface: every call is authorized from the caller's PAC before it does anything. */
export class HostService implements HyperVHost {
  readonly hostName: string;
  readonly productVersion: string;
  readonly #parts: HostServiceParts;

  constructor(parts: HostServiceParts) {
    this.#parts = parts;
    this.hostName = parts.host;
    this.productVersion = parts.version;
  }

  async hostStatus(caller: HostCaller): Promise<HostStatus> {
    const { caller: person } = this.#parts.session(caller);
    const { host, realm, version, authorizer, vms, journal, jobs } = this.#parts;
    const states = await Promise.all(journal.vms().map((vm) => vms.state(vm)));
    return {
      host,
      realm,
      version,
      evidenceMode: this.#parts.evidence(),
      requireProofOfIdentity: this.#parts.requireProofOfIdentity,
      caller: person.principal,
      callerAssertedBy: person.assertedBy,
      callerRights: rights.filter((right) => authorizer.allows(person, right)),
      accelerator: vms.options.accelerator,
      hypervisor: "QEMU",
      memoryTotal: totalmem(),
      memoryFree: freemem(),
      runningMachines: states.filter((state) => state === "running").length,
      queuedMigrations: jobs.all().filter((job) => job.state === "queued").length,
      time: Date.now(),
    };
  }

  async listVirtualMachines(caller: HostCaller): Promise<readonly VirtualMachine[]> {
    const { caller: person } = this.#parts.session(caller);
    const { authorizer, journal } = this.#parts;
    const visible = journal.vms().filter((vm) => authorizer.allows(person, "list", vm.name));
    return await Promise.all(visible.map((vm) => this.#present(vm)));
  }

  async requestVmState(caller: HostCaller, vmId: string, request: VmRequest): Promise<MethodOutcome> {
    const vm = this.#vm(caller, vmId, "operate");
    demandOwner(vm);
    const actions: Readonly<Record<VmRequest, AuditAction>> = {
      running: "start",
      off: "stop",
      shutdown: "stop",
      saved: "stop",
      paused: "pause",
      restart: "reset",
      reset: "reset",
    };
    if (this.#busy(vm.id)) throw moving(vm.name);
    await this.#changeState(vm, request);
    this.#audit(caller, actions[request], vm.name);
    return done;
  }

  async defineVirtualMachine(
    caller: HostCaller,
    request: VmDefinitionRequest,
  ): Promise<MethodOutcome & { readonly vmId?: string | undefined }> {
    this.#demand(caller, "define", request.name);
    const { journal, vms } = this.#parts;
    const definition = parseVmDefinition(definitionOf(request));
    if (definition.name !== request.name) throw invalid("the document describes a machine of another name");
    vms.checkFiles(definition);
    vms.place(definition);
    const existing = journal.vm(definition.uuid) ?? journal.vmByName(definition.name);
    if (existing !== undefined && (existing.id !== definition.uuid || existing.custody.state !== "owner")) {
      throw exists(existing.name);
    }
    if (existing !== undefined && (await vms.machine(existing.id)) !== undefined) throw exists(existing.name);
    journal.commit({
      vms: [
        {
          id: definition.uuid,
          name: definition.name,
          definition,
          custody: { state: "owner" },
          wanted: "stopped",
          updated: Date.now(),
        },
      ],
    });
    this.#audit(caller, "define", definition.name);
    return { ...done, vmId: definition.uuid };
  }

  async removeVirtualMachine(caller: HostCaller, vmId: string): Promise<MethodOutcome> {
    const vm = this.#vm(caller, vmId, "define");
    demandOwner(vm);
    const { vms, journal } = this.#parts;
    if ((await vms.machine(vm.id)) !== undefined) {
      throw new HostError(`${vm.name} runs; stop it before removing it`, {
        code: "VM_RUNNING",
        family: "caller",
        hresult: Hresult.failed,
      });
    }
    journal.commit({ removedVms: [vm.id] });
    await vms.forget(vm.id);
    this.#audit(caller, "remove", vm.name);
    return done;
  }

  async migrate(caller: HostCaller, request: MigrationRequest): Promise<MethodOutcome> {
    const session = this.#parts.session(caller);
    const job = this.#parts.mover.start(session, this.#moveRequest(caller, request));
    return { returnValue: ReturnValue.jobStarted, jobId: job.id, isMigration: true };
  }

  async checkMigratable(caller: HostCaller, request: MigrationRequest): Promise<MethodOutcome> {
    const session = this.#parts.session(caller);
    const job = this.#parts.mover.check(session, this.#moveRequest(caller, request));
    return { returnValue: ReturnValue.jobStarted, jobId: job.id, isMigration: true };
  }

  async isMigratable(
    caller: HostCaller,
    request: MigrationRequest,
  ): Promise<{ readonly returnValue: number; readonly migratable: boolean }> {
    const session = this.#parts.session(caller);
    const { jobs, mover } = this.#parts;
    const { id } = mover.check(session, this.#moveRequest(caller, request));
    for (let waited = 0; waited < 600; waited++) {
      const job = jobs.get(id);
      if (job === undefined || isOver(job.state)) {
        return { returnValue: CimReturnValue.completed, migratable: job?.state === "completed" };
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return { returnValue: CimReturnValue.timeout, migratable: false };
  }

  async compatibilityInfo(caller: HostCaller, vmId?: string): Promise<string> {
    const machines = vmId === undefined ? [] : [this.#vm(caller, vmId, "list").definition];
    const info = {
      accelerator: this.#parts.vms.options.accelerator,
      machines: machines.map(({ machine, cpu }) => ({ machine, cpu })),
    };
    return Buffer.from(JSON.stringify(info)).toString("base64");
  }

  async checkCompatibilityInfo(caller: HostCaller, info: string): Promise<readonly JobError[]> {
    this.#parts.session(caller);
    const theirs = readJson(Buffer.from(info, "base64").toString("utf8"));
    const { accelerator } = this.#parts.vms.options;
    if (theirs.accelerator === accelerator) return [];
    return [
      {
        message: `the source uses ${String(theirs.accelerator)}, this host ${accelerator}`,
        errorType: "environment",
        code: "ACCELERATOR_DIFFERS",
        remedies: ["Use hosts with the same accelerator."],
      },
    ];
  }

  async migrationServiceState(caller: HostCaller): Promise<MigrationServiceState> {
    this.#parts.session(caller);
    const active = this.#parts.jobs.all().filter((job) => job.state === "running" && job.kind === "move");
    return {
      activeMigrations: active.length,
      activeStorageMigrations: active.filter((job) => job.withDisks).length,
      listenerAddresses: this.#parts.listenerAddresses,
    };
  }

  async migrationSettings(caller: HostCaller): Promise<MigrationSettings> {
    this.#parts.session(caller);
    const { migrationEnabled, maximumMigrations, maximumStorageMigrations, performance } =
      this.#parts.settings.current;
    return {
      enabled: migrationEnabled,
      maximumMigrations,
      maximumStorageMigrations,
      authentication: "kerberos",
      compression: performance === "compression",
      smbTransport: false,
      performance,
    };
  }

  async modifyMigrationSettings(caller: HostCaller, patch: MigrationSettingsPatch): Promise<MethodOutcome> {
    this.#demand(caller, "configure");
    if (patch.authentication === "credSsp" || patch.smbTransport === true) {
      throw new HostError(
        "this host authenticates migrations with Kerberos only, and does not move memory over SMB",
        {
          code: "SETTING_NOT_SUPPORTED",
          family: "caller",
          hresult: Hresult.invalidArgument,
        },
      );
    }
    const performance =
      patch.performance ??
      (patch.compression === undefined ? undefined : patch.compression ? "compression" : "tcpip");
    this.#parts.settings.change({
      ...(patch.enabled === undefined ? {} : { migrationEnabled: patch.enabled }),
      ...(patch.maximumMigrations === undefined ? {} : { maximumMigrations: patch.maximumMigrations }),
      ...(patch.maximumStorageMigrations === undefined
        ? {}
        : { maximumStorageMigrations: patch.maximumStorageMigrations }),
      ...(performance === undefined ? {} : { performance }),
    });
    this.#audit(caller, "configure", undefined, Object.keys(patch).join(", "));
    return done;
  }

  async migrationNetworks(caller: HostCaller): Promise<readonly MigrationNetwork[]> {
    this.#parts.session(caller);
    return this.#parts.settings.current.networks.map((network, metric) => {
      const [subnet = "", prefix = "0"] = network.split("/");
      return { id: network, subnet, prefixLength: Number(prefix), metric, tags: [] };
    });
  }

  async addMigrationNetworks(
    caller: HostCaller,
    networks: readonly MigrationNetwork[],
  ): Promise<MethodOutcome> {
    return this.#setNetworks(caller, [...(await this.migrationNetworks(caller)), ...networks]);
  }

  async modifyMigrationNetworks(
    caller: HostCaller,
    networks: readonly MigrationNetwork[],
  ): Promise<MethodOutcome> {
    const changed = new Map(networks.map((network) => [network.id, network]));
    const current = await this.migrationNetworks(caller);
    return this.#setNetworks(
      caller,
      current.map((network) => changed.get(network.id) ?? network),
    );
  }

  async removeMigrationNetworks(caller: HostCaller, ids: readonly string[]): Promise<MethodOutcome> {
    const current = await this.migrationNetworks(caller);
    return this.#setNetworks(
      caller,
      current.filter(({ id }) => id === undefined || !ids.includes(id)),
    );
  }

  async listJobs(caller: HostCaller): Promise<readonly Job[]> {
    return this.#jobs(caller).map(presentJob);
  }

  async cancelJob(caller: HostCaller, jobId: string): Promise<MethodOutcome> {
    const { caller: person } = this.#parts.session(caller);
    const job = this.#jobs(caller).find(({ id }) => id === jobId);
    if (job === undefined) throw notFound("job", jobId);
    this.#parts.authorizer.demand(person, "move-out", job.vm.name);
    const accepted = this.#parts.jobs.cancel(jobId, person.principal);
    return { returnValue: accepted ? ReturnValue.completed : ReturnValue.invalidState };
  }

  async migrationProgress(caller: HostCaller, jobId?: string): Promise<readonly MigrationProgress[]> {
    return this.#jobs(caller, jobId).map(presentProgress);
  }

  async preflightFindings(caller: HostCaller, jobId?: string): Promise<readonly PreflightFinding[]> {
    return this.#jobs(caller, jobId).flatMap(presentFindings);
  }

  async auditRecords(caller: HostCaller, query: AuditQuery): Promise<readonly AuditRecord[]> {
    this.#demand(caller, "audit");
    return this.#parts.audit.search(query).map((record, index) => ({
      ...record,
      id: `${record.time}-${record.migration ?? index}-${record.action}-${record.outcome}`,
    }));
  }

  async #changeState(vm: VmRecord, request: VmRequest): Promise<void> {
    const { vms, journal } = this.#parts;
    if (request === "running") {
      journal.changeVm(vm.id, { wanted: "running", note: undefined });
      const machine = await vms.start(vm);
      // The journal says that it is ours, so a migration that QEMU completed before it was taken back is void.
      if (!(await machine.status()).running) await machine.resume({ reclaim: true });
      return;
    }
    const machine = await vms.machine(vm.id);
    if (machine === undefined) {
      if (request === "off" || request === "shutdown") return;
      throw invalid(`${vm.name} is not running`);
    }
    switch (request) {
      case "paused":
        journal.changeVm(vm.id, { wanted: "paused" });
        return await machine.pause();
      case "reset":
      case "restart":
        return await machine.reset();
      case "saved":
        throw new HostError("saving a machine's state to disk is not supported", {
          code: "NOT_SUPPORTED",
          family: "caller",
          hresult: Hresult.invalidArgument,
          remedy: "Pause it, stop it, or move it.",
        });
      default:
        journal.changeVm(vm.id, { wanted: "stopped" });
        await machine.stop({ mode: request === "off" ? "force" : "graceful" });
        await vms.forget(vm.id);
    }
  }

  #moveRequest(caller: HostCaller, request: MigrationRequest): MoveRequest {
    const vm = this.#vm(caller, request.vmId, "list");
    if (request.type !== "vm" && request.type !== "vmAndStorage") {
      throw new HostError(`migration of type ${request.type} is not supported`, {
        code: "NOT_SUPPORTED",
        family: "caller",
        hresult: Hresult.invalidArgument,
        remedy: "Move the machine, with or without its disks.",
      });
    }
    const { options = {} } = request;
    const compression = request.compression === true ? "compression" : undefined;
    return {
      vm,
      destination: request.destinationHost.toLowerCase(),
      withDisks: request.type === "vmAndStorage",
      options: {
        performance: options.performance ?? compression ?? this.#parts.settings.current.performance,
        channels: 2,
        postCopy: options.postCopy ?? false,
      },
      limits: {
        maxBandwidth: options.bandwidthLimit ?? defaultSourceLimits.maxBandwidth,
        downtimeLimit: options.downtimeLimit ?? defaultSourceLimits.downtimeLimit,
        autoConverge: options.autoConverge ?? defaultSourceLimits.autoConverge,
      },
    };
  }

  #setNetworks(caller: HostCaller, networks: readonly MigrationNetwork[]): MethodOutcome {
    this.#demand(caller, "configure");
    const ordered = networks.toSorted((left, right) => left.metric - right.metric);
    this.#parts.settings.change({
      networks: ordered.map(({ subnet, prefixLength }) => `${subnet}/${prefixLength}`),
    });
    this.#audit(caller, "configure", undefined, "migration networks");
    return done;
  }

  #jobs(caller: HostCaller, id?: string): MigrationJob[] {
    const { caller: person } = this.#parts.session(caller);
    const { jobs, authorizer } = this.#parts;
    return jobs
      .all()
      .filter((job) => (id === undefined || job.id === id) && authorizer.allows(person, "list", job.vm.name));
  }

  #vm(caller: HostCaller, id: string, right: Right): VmRecord {
    const { caller: person } = this.#parts.session(caller);
    const { journal, authorizer } = this.#parts;
    const vm = journal.vm(id.toLowerCase()) ?? journal.vmByName(id);
    if (vm === undefined || !authorizer.allows(person, "list", vm.name))
      throw notFound("virtual machine", id);
    authorizer.demand(person, right, vm.name);
    return vm;
  }

  #demand(caller: HostCaller, right: Right, vm?: string): void {
    this.#parts.authorizer.demand(this.#parts.session(caller).caller, right, vm);
  }

  #busy(vm: string): boolean {
    return this.#parts.jobs
      .all()
      .some((job) => job.kind === "move" && job.vm.id === vm && !isOver(job.state));
  }

  async #present(vm: VmRecord): Promise<VirtualMachine> {
    return presentVm(vm, await this.#parts.vms.state(vm), this.#busy(vm.id), true);
  }

  #audit(caller: HostCaller, action: AuditAction, vm?: string, detail?: string): void {
    const { caller: person } = this.#parts.session(caller);
    this.#parts.audit.write({
      action,
      outcome: "succeeded",
      person: person.principal,
      assertedBy: person.assertedBy,
      delegatingHost: person.transitedServices.at(-1),
      vm,
      detail,
    });
  }
}

function definitionOf(request: VmDefinitionRequest): unknown {
  const { document } = request;
  if (document !== undefined) {
    if (document.format !== documentFormat)
      throw invalid(`documents of format ${document.format} are not understood`);
    return readJson(document.text);
  }
  return {
    name: request.name,
    uuid: request.id ?? randomUUID(),
    memoryMiB: request.memoryMiB ?? 1024,
    vcpus: request.processors ?? 1,
    disks: (request.disks ?? []).map(({ id, path, readOnly }) => ({
      id,
      path,
      format: path.endsWith(".qcow2") ? "qcow2" : "raw",
      readOnly: readOnly ?? false,
    })),
    networks: (request.networks ?? []).map(({ id, mac, network }) => ({
      id,
      mac,
      attachment: { kind: "named", name: network ?? "default" },
    })),
  };
}

function readJson(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Falls through to the refusal.
  }
  throw invalid("the document is not a JSON object");
}

function invalid(message: string): HostError {
  return new HostError(message, {
    code: "INVALID_REQUEST",
    family: "caller",
    hresult: Hresult.invalidArgument,
  });
}

function exists(name: string): HostError {
  return new HostError(`there is a virtual machine called ${name} already`, {
    code: "VM_EXISTS",
    family: "caller",
    hresult: Hresult.failed,
    remedy: "Stop it before defining it anew, or choose another name.",
  });
}

function moving(name: string): HostError {
  return new HostError(`${name} is being moved`, {
    code: "VM_MOVING",
    family: "caller",
    hresult: Hresult.failed,
    remedy: "Wait until the move has ended, or cancel it.",
  });
}

function notFound(kind: string, id: string): HostError {
  return new HostError(`this host has no ${kind} ${id} that you may see`, {
    code: "NOT_FOUND",
    family: "caller",
    hresult: Hresult.notFound,
  });
}
