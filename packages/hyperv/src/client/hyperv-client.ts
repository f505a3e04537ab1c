import {
  type CallOptions,
  type Identity,
  WsmanClient,
  type WsmanClientOptions,
  WsmanError,
} from "@waybill/wsman";
import { ComputerSystem, PlannedComputerSystem } from "../classes/computer-system.ts";
import { ConcreteJob, MigrationJob } from "../classes/jobs.ts";
import {
  VirtualSystemMigrationNetworkSettingData,
  VirtualSystemMigrationServiceSettingData,
} from "../classes/migration-settings.ts";
import { resourceClasses } from "../classes/resource-choice.ts";
import { VirtualSystemManagementService, VirtualSystemMigrationService } from "../classes/services.ts";
import { realizedSystemType, VirtualSystemSettingData } from "../classes/virtual-system-setting-data.ts";
import {
  WaybillAuditRecord,
  WaybillHostSettings,
  WaybillHostStatus,
  WaybillPreflightFinding,
  WaybillVirtualMachineDocument,
} from "../classes/waybill-classes.ts";
import { HyperVError } from "../errors.ts";
import {
  fromAuditRecord,
  fromFinding,
  fromHostStatus,
  fromNetworkSetting,
  fromServiceSettings,
  toNetworkSetting,
  toServiceSettings,
} from "../mapping/host.ts";
import { fromJob } from "../mapping/job.ts";
import { toMigrationSettings, toNewResources } from "../mapping/migration-request.ts";
import { fromComputerSystem, isVirtualMachine, toDefinition } from "../mapping/virtual-machine.ts";
import type {
  AuditQuery,
  AuditRecord,
  HostStatus,
  MigrationNetwork,
  MigrationSettings,
} from "../model/host.ts";
import type { Job, JobError, PreflightFinding } from "../model/job.ts";
import type { MigrationRequest } from "../model/migration-request.ts";
import type { VirtualMachine, VmDefinitionRequest } from "../model/virtual-machine.ts";
import { isJobOver, isJobSuccessful } from "../registry/job-states.ts";
import { describeReturnValue, ReturnValue } from "../registry/return-codes.ts";
import { RequestedState, type VmRequest } from "../registry/vm-states.ts";
import { formatCimMoment } from "../schema/cim-datetime.ts";
import type { AnyWmiClass, EmbeddedChoice } from "../schema/wmi-class.ts";
import { virtualizationNamespace, type WmiReference } from "../schema/wmi-reference.ts";
import { JobHandle } from "./job-handle.ts";
import { WmiSession, wqlText } from "./wmi-session.ts";

/** What a preflight found. */
export interface MigratableAnswer {
  readonly migratable: boolean;
  readonly errors: readonly JobError[];
  /** Every check one by one: from Waybill hosts only. */
  readonly findings: readonly PreflightFinding[];
}

const maxAuditRecords = 1000;

/**
 * Drives a virtualization host through its WMI v2 surface (`root/virtualization/v2`): Waybill's own hosts, and
 * Hyper-V. For Hyper-V it is written to the documentation (MicrosoftDocs/win32, HyperV_v2) and was not tried there;
 * what Waybill adds (namespace `root/waybill`) is asked for only when the host turns out to have it.
 *
 * Methods throw `WsmanError` when the service answers with a fault or cannot be reached, `HyperVError` when a method
 * refuses (`returnValue`), a job fails, or an object is not there.
 *
 * @example
 * ```ts
 * const client = new HyperVClient({ host: "kvm01.lab.test", security });
 * const vm = await client.getVm("web01");
 * const job = await client.migrate({ vmId: vm.id, destinationHost: "kvm02.lab.test", type: "vm" });
 * for await (const { job: now, migration } of job.progress()) console.log(now.percent, migration?.pass);
 * await job.wait();
 * ```
 */
export class HyperVClient {
  readonly host: string;
  readonly #wsman: WsmanClient;
  readonly #session: WmiSession;
  #isWaybill: boolean | undefined;
  readonly #services = new Map<string, WmiReference>();

  constructor(options: WsmanClientOptions) {
    this.host = options.name ?? options.host;
    this.#wsman = new WsmanClient(options);
    this.#session = new WmiSession(this.#wsman);
  }

  /** Typed access to the classes themselves, for what has no method here. */
  get wmi(): WmiSession {
    return this.#session;
  }

  close(): void {
    this.#wsman.close();
  }

  async identify(options: CallOptions = {}): Promise<Identity> {
    return await this.#wsman.identify(options);
  }

  /** Whether the host has Waybill's own classes. Asked once. */
  async isWaybill(options: CallOptions = {}): Promise<boolean> {
    this.#isWaybill ??= await this.#probeWaybill(options);
    return this.#isWaybill;
  }

  async #probeWaybill(options: CallOptions): Promise<boolean> {
    try {
      await this.#session.select(WaybillHostStatus, undefined, options);
      return true;
    } catch (error) {
      // A fault that is an answer means no; anything else means we do not know.
      if (error instanceof WsmanError && error.fault !== undefined && error.fault.subcode !== "TimedOut")
        return false;
      throw error;
    }
  }

  /** @throws HyperVError `NOT_A_WAYBILL_HOST` on Hyper-V. */
  async hostStatus(options: CallOptions = {}): Promise<HostStatus> {
    await this.#needWaybill("host status", options);
    const [status] = await this.#session.select(WaybillHostStatus, undefined, options);
    if (status === undefined) throw this.#missing("WAYBILL_STATUS_MISSING", "the host gave no status");
    return fromHostStatus(status);
  }

  /** All VMs, without their settings: one query. Planned ones, which wait for a migration to arrive, on request. */
  async listVms(
    options: CallOptions & { readonly planned?: boolean } = {},
  ): Promise<readonly VirtualMachine[]> {
    const systems = await this.#session.select(ComputerSystem, undefined, options);
    const planned =
      options.planned === true ? await this.#session.select(PlannedComputerSystem, undefined, options) : [];
    return [...systems, ...planned].filter(isVirtualMachine).map((system) => fromComputerSystem(system));
  }

  /**
   * One VM with its settings, by name or id.
   * @throws HyperVError `VM_UNKNOWN`, or `VM_NAME_AMBIGUOUS` when several have the name.
   */
  async getVm(nameOrId: string, options: CallOptions = {}): Promise<VirtualMachine> {
    const text = wqlText(nameOrId);
    const found = await this.#session.select(
      ComputerSystem,
      `Name = ${text} or ElementName = ${text}`,
      options,
    );
    const systems = found.filter(isVirtualMachine);
    const [system] = systems;
    if (system === undefined) {
      throw this.#missing(
        "VM_UNKNOWN",
        `there is no virtual machine ${nameOrId} that you may see on ${this.host}`,
      );
    }
    if (systems.length > 1) {
      const ids = systems.map((each) => each.Name).join(", ");
      throw this.#missing("VM_NAME_AMBIGUOUS", `several virtual machines are called ${nameOrId}: ${ids}`);
    }
    const type = wqlText(realizedSystemType);
    const where = `VirtualSystemIdentifier = ${wqlText(system.Name)} and VirtualSystemType = ${type}`;
    const [settings] = await this.#session.select(VirtualSystemSettingData, where, options);
    return fromComputerSystem(system, settings, await this.#resourcesOf(system.Name, options));
  }

  async #resourcesOf(vmId: string, options: CallOptions): Promise<readonly EmbeddedChoice[]> {
    const query = `select * from CIM_ResourceAllocationSettingData where InstanceID like ${wqlText(`Microsoft:${vmId}%`)}`;
    const elements = await this.#session.query(virtualizationNamespace, query, options);
    const choices: EmbeddedChoice[] = [];
    for (const instance of elements) {
      const schema: AnyWmiClass | undefined = resourceClasses.find(
        (each) => each.className === instance.name,
      );
      if (schema !== undefined) choices.push({ class: schema.className, value: schema.read(instance) });
    }
    if (await this.isWaybill(options)) {
      const where = `VirtualSystemIdentifier = ${wqlText(vmId)}`;
      for (const value of await this.#session.select(WaybillVirtualMachineDocument, where, options)) {
        choices.push({ class: WaybillVirtualMachineDocument.className, value });
      }
    }
    return choices;
  }

  /** Starts, stops, pauses… a VM. Undefined when it is done at once, else the job that does it. */
  async requestVmState(
    vmId: string,
    request: VmRequest,
    options: CallOptions = {},
  ): Promise<JobHandle | undefined> {
    const input = { RequestedState: RequestedState[request] };
    const output = await this.#session.invoke(
      ComputerSystem,
      vmReference(vmId),
      "RequestStateChange",
      input,
      options,
    );
    return this.#outcome(output, `${request} of the virtual machine`);
  }

  /** Defines a VM; the id is known when the host answered without a job. */
  async defineVm(
    definition: VmDefinitionRequest,
    options: CallOptions = {},
  ): Promise<{ readonly id?: string | undefined; readonly job?: JobHandle | undefined }> {
    const service = await this.#service(VirtualSystemManagementService, options);
    const input = toDefinition(definition);
    const output = await this.#session.invoke(
      VirtualSystemManagementService,
      service,
      "DefineSystem",
      input,
      options,
    );
    const job = this.#outcome(output, "the definition of the virtual machine");
    return { id: output.ResultingSystem?.keys.Name, job };
  }

  async removeVm(vmId: string, options: CallOptions = {}): Promise<JobHandle | undefined> {
    const service = await this.#service(VirtualSystemManagementService, options);
    const input = { AffectedSystem: vmReference(vmId) };
    const output = await this.#session.invoke(
      VirtualSystemManagementService,
      service,
      "DestroySystem",
      input,
      options,
    );
    return this.#outcome(output, "the removal of the virtual machine");
  }

  /**
   * Starts a migration. The job goes on whatever becomes of this client. When the connection breaks before the
   * answer comes, the host's own list of jobs says whether the migration began, and its job is taken up.
   */
  async migrate(request: MigrationRequest, options: CallOptions = {}): Promise<JobHandle> {
    const service = await this.#service(VirtualSystemMigrationService, options);
    const input = await this.#migrationInput(request, options);
    try {
      const output = await this.#session.invoke(
        VirtualSystemMigrationService,
        service,
        "MigrateVirtualSystemToHost",
        input,
        options,
      );
      const job = this.#outcome(output, "the migration");
      if (job !== undefined) return job;
    } catch (error) {
      if (!isAnswerLost(error)) throw error;
      const begun = await this.#begunMigration(request, options).catch(() => undefined);
      if (begun === undefined) throw error;
      return begun;
    }
    throw this.#missing("JOB_MISSING", "the host started no job for the migration");
  }

  /** A machine moves in one direction at a time: a running migration of it to the same place is the one asked for. */
  async #begunMigration(request: MigrationRequest, options: CallOptions): Promise<JobHandle | undefined> {
    const jobs = await this.listJobs(options);
    const begun = jobs.find(
      ({ state, migration }) =>
        !isJobOver(state) &&
        migration?.vmId.toLowerCase() === request.vmId.toLowerCase() &&
        migration.destinationHost.toLowerCase() === request.destinationHost.toLowerCase(),
    );
    return begun === undefined ? undefined : this.job(begun.id);
  }

  /** Asks whether a migration would work, and why not (what Compare-VM does). Nothing moves. */
  async checkMigratable(request: MigrationRequest, options: CallOptions = {}): Promise<MigratableAnswer> {
    const service = await this.#service(VirtualSystemMigrationService, options);
    const input = await this.#migrationInput(request, options);
    const output = await this.#session.invoke(
      VirtualSystemMigrationService,
      service,
      "CheckVirtualSystemIsMigratable",
      input,
      options,
    );
    const job = this.#outcome(output, "the check of the migration");
    if (job === undefined) return { migratable: true, errors: [], findings: [] };
    let last: Job | undefined;
    for await (const { job: now } of job.progress({ signal: options.signal })) last = now;
    const migratable = last !== undefined && isJobSuccessful(last.state);
    const errors = migratable ? [] : await job.errors(options);
    return { migratable, errors, findings: await this.#findings(job.id, options) };
  }

  async #findings(jobId: string, options: CallOptions): Promise<readonly PreflightFinding[]> {
    if (!(await this.isWaybill(options))) return [];
    const found = await this.#session.select(WaybillPreflightFinding, `JobID = ${wqlText(jobId)}`, options);
    return found.map(fromFinding);
  }

  async #migrationInput(request: MigrationRequest, options: CallOptions) {
    if (request.options !== undefined) await this.#needWaybill("migration options", options);
    const resources = toNewResources(request);
    return {
      ComputerSystem: vmReference(request.vmId),
      DestinationHost: request.destinationHost,
      MigrationSettingData: toMigrationSettings(request),
      ...(resources.length === 0 ? {} : { NewResourceSettingData: resources }),
    };
  }

  /** A handle on a job by its id: to watch on after the client or the connection went away. */
  job(id: string): JobHandle {
    return this.#handle(MigrationJob.referenceBy({ InstanceID: id }));
  }

  /** The host's jobs, running and recently finished. */
  async listJobs(options: CallOptions = {}): Promise<readonly Job[]> {
    const migrations = await this.#session.select(MigrationJob, undefined, options);
    const others = await this.#session.select(ConcreteJob, undefined, options);
    return [
      ...migrations.map((job) => fromJob(MigrationJob.className, job)),
      ...others.map((job) => fromJob(ConcreteJob.className, job)),
    ];
  }

  async migrationSettings(options: CallOptions = {}): Promise<MigrationSettings> {
    const settings = await this.#serviceSettings(options);
    const extra = (await this.isWaybill(options))
      ? await this.#session.select(WaybillHostSettings, undefined, options)
      : [];
    const performance = extra[0]?.PerformanceOption;
    return {
      enabled: false,
      maximumMigrations: 2,
      maximumStorageMigrations: 2,
      authentication: "credSsp",
      compression: true,
      smbTransport: false,
      ...fromServiceSettings(settings),
      ...(performance === "tcpip" || performance === "compression" || performance === "multifd"
        ? { performance }
        : {}),
    };
  }

  /** Changes what the patch names and leaves the rest. */
  async modifyMigrationSettings(patch: Partial<MigrationSettings>, options: CallOptions = {}): Promise<void> {
    const { performance, ...rest } = patch;
    if (performance !== undefined) await this.#needWaybill("the performance option", options);
    if (Object.keys(rest).length > 0) {
      const current = await this.#serviceSettings(options);
      const changed = defined(toServiceSettings(this.host, rest));
      const input = { ServiceSettingData: { ...current, ...changed, InstanceID: current.InstanceID } };
      await this.#migrationService("ModifyServiceSettings", input, "the change of the settings", options);
    }
    if (performance === undefined) return;
    const [settings] = await this.#session.select(WaybillHostSettings, undefined, options);
    if (settings === undefined)
      throw this.#missing("WAYBILL_SETTINGS_MISSING", "the host has no Waybill settings");
    await this.#session.put(WaybillHostSettings, { ...settings, PerformanceOption: performance }, options);
  }

  async migrationNetworks(options: CallOptions = {}): Promise<readonly MigrationNetwork[]> {
    const found = await this.#session.select(VirtualSystemMigrationNetworkSettingData, undefined, options);
    return found.map(fromNetworkSetting).sort((left, right) => left.metric - right.metric);
  }

  async addMigrationNetworks(
    networks: readonly MigrationNetwork[],
    options: CallOptions = {},
  ): Promise<void> {
    const input = { NetworkSettings: networks.map(toNetworkSetting) };
    await this.#migrationService("AddNetworkSettings", input, "the addition of networks", options);
  }

  async modifyMigrationNetworks(
    networks: readonly MigrationNetwork[],
    options: CallOptions = {},
  ): Promise<void> {
    const input = { NetworkSettings: networks.map(toNetworkSetting) };
    await this.#migrationService("ModifyNetworkSettings", input, "the change of networks", options);
  }

  async removeMigrationNetworks(ids: readonly string[], options: CallOptions = {}): Promise<void> {
    const references = ids.map((id) =>
      VirtualSystemMigrationNetworkSettingData.referenceBy({ InstanceID: id }),
    );
    await this.#migrationService(
      "RemoveNetworkSettings",
      { NetworkSettings: references },
      "the removal of networks",
      options,
    );
  }

  /** The audit trail of a Waybill host, newest first. @throws HyperVError `NOT_A_WAYBILL_HOST` on Hyper-V. */
  async auditRecords(query: AuditQuery = {}, options: CallOptions = {}): Promise<readonly AuditRecord[]> {
    await this.#needWaybill("the audit trail", options);
    const tests = [
      query.vm === undefined ? undefined : `VirtualSystem = ${wqlText(query.vm)}`,
      query.person === undefined ? undefined : `Person = ${wqlText(query.person)}`,
      query.since === undefined ? undefined : `Time >= ${wqlText(formatCimMoment(query.since))}`,
    ].filter((test) => test !== undefined);
    const where = tests.length === 0 ? undefined : tests.join(" and ");
    const found = await this.#session.select(WaybillAuditRecord, where, options);
    const newest = found.map(fromAuditRecord).sort((left, right) => right.time - left.time);
    return newest.slice(0, query.limit ?? maxAuditRecords);
  }

  async #serviceSettings(options: CallOptions) {
    const [settings] = await this.#session.select(
      VirtualSystemMigrationServiceSettingData,
      undefined,
      options,
    );
    if (settings === undefined)
      throw this.#missing("MIGRATION_SETTINGS_MISSING", "the host has no migration settings");
    return settings;
  }

  async #migrationService(
    method:
      | "ModifyServiceSettings"
      | "AddNetworkSettings"
      | "ModifyNetworkSettings"
      | "RemoveNetworkSettings",
    input: object,
    what: string,
    options: CallOptions,
  ): Promise<void> {
    const service = await this.#service(VirtualSystemMigrationService, options);
    const output = await this.#session.invoke(
      VirtualSystemMigrationService,
      service,
      method,
      input as never,
      options,
    );
    await this.#outcome(output, what)?.wait({ signal: options.signal });
  }

  async #service(schema: AnyWmiClass, options: CallOptions): Promise<WmiReference> {
    const known = this.#services.get(schema.className);
    if (known !== undefined) return known;
    const [instance] = await this.#session.select(schema, undefined, options);
    if (instance === undefined) {
      throw this.#missing(
        "SERVICE_MISSING",
        `${this.host} has no ${schema.className}: is it a virtualization host?`,
      );
    }
    const reference = schema.referenceTo(instance);
    this.#services.set(schema.className, reference);
    return reference;
  }

  #outcome(
    output: { readonly ReturnValue: number; readonly Job?: WmiReference | undefined },
    what: string,
  ): JobHandle | undefined {
    const { ReturnValue: value, Job: job } = output;
    if (value === ReturnValue.completed) return undefined;
    if (value === ReturnValue.jobStarted && job !== undefined) return this.#handle(job);
    throw new HyperVError(`${this.host} refused ${what}: ${describeReturnValue(value)}`, {
      code: value === ReturnValue.accessDenied ? "ACCESS_DENIED" : "METHOD_REFUSED",
      family: "peer",
      returnValue: value,
      ...(value === ReturnValue.accessDenied ? { hresult: 0x80070005 } : {}),
      facts: { host: this.host },
    });
  }

  #handle(reference: WmiReference): JobHandle {
    return new JobHandle(this.#session, reference, async () => await this.isWaybill());
  }

  async #needWaybill(what: string, options: CallOptions): Promise<void> {
    if (await this.isWaybill(options)) return;
    throw new HyperVError(`${this.host} is no Waybill host: it has no ${what}`, {
      code: "NOT_A_WAYBILL_HOST",
      family: "caller",
      facts: { host: this.host },
    });
  }

  #missing(code: string, message: string): HyperVError {
    return new HyperVError(message, { code, family: "caller", facts: { host: this.host } });
  }
}

/** The request arrived or did not: nobody told us. */
function isAnswerLost(error: unknown): boolean {
  if (!(error instanceof WsmanError)) return false;
  return (
    error.code === "WSMAN_CONNECTION_LOST" || (error.fault === undefined && (error.httpStatus ?? 0) >= 500)
  );
}

function vmReference(vmId: string): WmiReference {
  return ComputerSystem.referenceBy({ CreationClassName: ComputerSystem.className, Name: vmId });
}

function defined<T extends object>(record: T): Partial<T> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Partial<T>;
}
