import { type CallOptions, type Identity, WsmanClient, type WsmanClientOptions } from "@waybill/wsman";
import type {
  AuditQuery,
  AuditRecord,
  HostStatus,
  MigrationNetwork,
  MigrationSettings,
} from "../model/host.ts";
import type { Job } from "../model/job.ts";
import type { MigrationRequest } from "../model/migration-request.ts";
import type { VirtualMachine, VmDefinitionRequest } from "../model/virtual-machine.ts";
import type { VmRequest } from "../registry/vm-states.ts";
import { HostAccess } from "./host-access.ts";
import type { JobHandle } from "./job-handle.ts";
import { MigrationConfiguration } from "./migration-configuration.ts";
import { type MigratableAnswer, Migrations } from "./migrations.ts";
import { VirtualMachines } from "./virtual-machines.ts";
import { WaybillAdditions } from "./waybill-additions.ts";
import { WmiSession } from "./wmi-session.ts";

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
  readonly #access: HostAccess;
  readonly #machines: VirtualMachines;
  readonly #migrations: Migrations;
  readonly #configuration: MigrationConfiguration;
  readonly #additions: WaybillAdditions;

  constructor(options: WsmanClientOptions) {
    this.host = options.name ?? options.host;
    this.#wsman = new WsmanClient(options);
    this.#access = new HostAccess(this.host, new WmiSession(this.#wsman));
    this.#machines = new VirtualMachines(this.#access);
    this.#migrations = new Migrations(this.#access);
    this.#configuration = new MigrationConfiguration(this.#access);
    this.#additions = new WaybillAdditions(this.#access);
  }

  /** Typed access to the classes themselves, for what has no method here. */
  get wmi(): WmiSession {
    return this.#access.session;
  }

  /** Lets go of the connection; the next call makes a new one. */
  close(): void {
    this.#wsman.close();
  }

  async identify(options?: CallOptions): Promise<Identity> {
    return await this.#wsman.identify(options);
  }

  /** Whether the host has Waybill's own classes. Asked once. */
  async isWaybill(options?: CallOptions): Promise<boolean> {
    return await this.#access.isWaybill(options);
  }

  /** All VMs, without their settings: one query. Planned ones, which wait for a migration to arrive, on request. */
  async listVms(options?: CallOptions & { readonly planned?: boolean }): Promise<readonly VirtualMachine[]> {
    return await this.#machines.list(options);
  }

  /**
   * One VM with its settings, by name or id.
   * @throws HyperVError `VM_UNKNOWN`, or `VM_NAME_AMBIGUOUS` when several have the name.
   */
  async getVm(nameOrId: string, options?: CallOptions): Promise<VirtualMachine> {
    return await this.#machines.get(nameOrId, options);
  }

  /** One VM without its settings, which is quicker. @throws HyperVError as {@link HyperVClient.getVm} */
  async findVm(nameOrId: string, options?: CallOptions): Promise<VirtualMachine> {
    return await this.#machines.find(nameOrId, options);
  }

  /** Starts, stops, pauses… a VM. Undefined when it is done at once, else the job that does it. */
  async requestVmState(
    vmId: string,
    request: VmRequest,
    options?: CallOptions,
  ): Promise<JobHandle | undefined> {
    return await this.#machines.requestState(vmId, request, options);
  }

  /** Defines a VM; the id is known when the host answered without a job. */
  async defineVm(
    definition: VmDefinitionRequest,
    options?: CallOptions,
  ): Promise<{ readonly id?: string | undefined; readonly job?: JobHandle | undefined }> {
    return await this.#machines.define(definition, options);
  }

  async removeVm(vmId: string, options?: CallOptions): Promise<JobHandle | undefined> {
    return await this.#machines.remove(vmId, options);
  }

  /**
   * Starts a migration. The job goes on whatever becomes of this client. When the connection breaks before the
   * answer comes, the host's own list of jobs says whether the migration began, and its job is taken up.
   */
  async migrate(request: MigrationRequest, options?: CallOptions): Promise<JobHandle> {
    return await this.#migrations.migrate(request, options);
  }

  /** Asks whether a migration would work, and why not (what Compare-VM does). Nothing moves. */
  async checkMigratable(request: MigrationRequest, options?: CallOptions): Promise<MigratableAnswer> {
    return await this.#migrations.checkMigratable(request, options);
  }

  /** A handle on a job by its id: to watch on after the client or the connection went away. */
  job(id: string): JobHandle {
    return this.#migrations.job(id);
  }

  /** The host's jobs, running and recently finished. */
  async listJobs(options?: CallOptions): Promise<readonly Job[]> {
    return await this.#migrations.listJobs(options);
  }

  async migrationSettings(options?: CallOptions): Promise<MigrationSettings> {
    return await this.#configuration.migrationSettings(options);
  }

  /** Changes what the patch names and leaves the rest. */
  async modifyMigrationSettings(patch: Partial<MigrationSettings>, options?: CallOptions): Promise<void> {
    await this.#configuration.modifyMigrationSettings(patch, options);
  }

  /** The networks for incoming migrations, in the order they are tried. */
  async migrationNetworks(options?: CallOptions): Promise<readonly MigrationNetwork[]> {
    return await this.#configuration.migrationNetworks(options);
  }

  async addMigrationNetworks(networks: readonly MigrationNetwork[], options?: CallOptions): Promise<void> {
    await this.#configuration.addMigrationNetworks(networks, options);
  }

  /** Each network is known by its `id`. */
  async modifyMigrationNetworks(networks: readonly MigrationNetwork[], options?: CallOptions): Promise<void> {
    await this.#configuration.modifyMigrationNetworks(networks, options);
  }

  async removeMigrationNetworks(ids: readonly string[], options?: CallOptions): Promise<void> {
    await this.#configuration.removeMigrationNetworks(ids, options);
  }

  /** @throws HyperVError `NOT_A_WAYBILL_HOST` on Hyper-V. */
  async hostStatus(options?: CallOptions): Promise<HostStatus> {
    return await this.#additions.hostStatus(options);
  }

  /** The audit trail of a Waybill host, newest first. @throws HyperVError `NOT_A_WAYBILL_HOST` on Hyper-V. */
  async auditRecords(query?: AuditQuery, options?: CallOptions): Promise<readonly AuditRecord[]> {
    return await this.#additions.auditRecords(query, options);
  }
}
