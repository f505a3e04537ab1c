import { randomUUID } from "node:crypto";
import {
  type AuditQuery,
  type AuditRecord,
  type ConsoleEnd,
  delegationErrors,
  type HostCaller,
  HyperVError,
  type HyperVHost,
  type Job,
  type JobError,
  type MethodOutcome,
  type MigrationNetwork,
  type MigrationProgress,
  type MigrationRequest,
  type MigrationSettings,
  type PreflightFinding,
  type VirtualMachine,
  type VmDefinitionRequest,
  type VmRequest,
} from "../../src/index.ts";

export const web01 = "6b6e0a0e-9d2f-4a52-8c0a-111111111111";
export const ghost = "6b6e0a0e-9d2f-4a52-8c0a-222222222222";
const started = Date.UTC(2026, 10, 22, 17, 0, 0);

/** A host that keeps everything in memory and moves jobs one step on each look: for the wire, not for the work. */
export class MemoryHost implements HyperVHost {
  readonly hostName = "kvm01.lab.test";
  readonly productVersion = "OS: Linux SP: 0.0 Stack: Waybill";
  readonly machines = new Map<string, VirtualMachine>();
  readonly jobs = new Map<string, Job>();
  readonly requests: MigrationRequest[] = [];
  readonly sessions = new Set<string>();
  readonly progress = new Map<string, MigrationProgress>();
  networks: MigrationNetwork[] = [];
  audit: AuditRecord[] = [];
  lastAuditQuery: AuditQuery | undefined;
  settings: MigrationSettings = {
    enabled: true,
    maximumMigrations: 2,
    maximumStorageMigrations: 2,
    authentication: "kerberos",
    compression: true,
    smbTransport: false,
    performance: "compression",
  };
  failNext: readonly JobError[] | undefined;

  constructor() {
    this.machines.set(web01, {
      id: web01,
      name: "web01",
      state: "running",
      migrating: false,
      health: "ok",
      onTime: 65_000,
      processId: 4711,
      created: started,
      notes: ["a note", "with <angle> & ampersand"],
      memoryMiB: 2047,
      processors: 2,
      disks: [
        { id: "root", path: "/var/lib/waybill/web01 & co.qcow2", readOnly: false },
        { id: "cd", path: "/iso/x.iso", readOnly: true },
      ],
      networks: [{ id: "nic0", mac: "52:54:00:12:34:56", network: "lan" }],
      document: { format: "waybill-vm/1", text: '{"name":"web01","cdata":"]]>"}' },
    });
    this.machines.set(ghost, {
      id: ghost,
      name: "ghost",
      state: "paused",
      migrating: false,
      health: "ok",
      planned: true,
    });
  }

  hostStatus(caller: HostCaller) {
    this.sessions.add(caller.session);
    return Promise.resolve({
      host: this.hostName,
      realm: "LAB.TEST",
      version: "0.1.0",
      evidenceMode: "auto",
      requireProofOfIdentity: false,
      caller: "alice@LAB.TEST",
      callerAssertedBy: "authentication-authority",
      callerRights: ["list", "move-out"],
      time: started,
    });
  }

  listVirtualMachines(caller: HostCaller) {
    if (caller.session.startsWith("bob/")) return Promise.resolve([]);
    return Promise.resolve([...this.machines.values()]);
  }

  requestVmState(caller: HostCaller, vmId: string, request: VmRequest): Promise<MethodOutcome> {
    if (caller.session.startsWith("bob/")) {
      return Promise.reject(
        new HyperVError("bob@LAB.TEST may not operate web01", {
          code: "ACCESS_DENIED",
          family: "caller",
          hresult: 0x80070005,
          remedy: "Add a group of bob's to the rule for this virtual machine.",
        }),
      );
    }
    const vm = this.machines.get(vmId.toLowerCase());
    if (vm === undefined) return Promise.resolve({ returnValue: 32777 });
    if (request === "paused") {
      this.machines.set(vmId, { ...vm, state: "paused" });
      return Promise.resolve({ returnValue: 0 });
    }
    return Promise.resolve({ returnValue: 4096, jobId: this.#start(`${request} ${vm.name}`, 60) });
  }

  defineVirtualMachine(_caller: HostCaller, definition: VmDefinitionRequest) {
    const id = definition.id ?? randomUUID();
    this.machines.set(id, { ...definition, id, state: "off", migrating: false, health: "ok" });
    return Promise.resolve({ returnValue: 0, vmId: id });
  }

  removeVirtualMachine(_caller: HostCaller, vmId: string): Promise<MethodOutcome> {
    return Promise.resolve({ returnValue: this.machines.delete(vmId) ? 0 : 32777 });
  }

  migrate(_caller: HostCaller, request: MigrationRequest): Promise<MethodOutcome> {
    this.requests.push(request);
    const jobId = this.#start("Moving virtual machine", 305, request);
    this.progress.set(jobId, {
      jobId,
      vmId: request.vmId,
      phase: "precopy",
      pass: 1,
      memoryTotal: 2 ** 31,
      memoryTransferred: 0,
      memoryRemaining: 2 ** 31,
      bytesPerSecond: 1.5e9 + 0.25,
      evidence: "ticket",
      explanation: ["alice's own ticket is forwardable", "cifs/kvm02 is in the list"],
    });
    return Promise.resolve({ returnValue: 4096, jobId, isMigration: true });
  }

  checkMigratable(_caller: HostCaller, request: MigrationRequest): Promise<MethodOutcome> {
    this.requests.push(request);
    const jobId = this.#start("Checking virtual machine", 301, request);
    return Promise.resolve({ returnValue: 4096, jobId, isMigration: true });
  }

  isMigratable() {
    return Promise.resolve({ returnValue: 0, migratable: true });
  }

  compatibilityInfo(_caller: HostCaller, vmId?: string) {
    return Promise.resolve(Buffer.from(vmId ?? "host").toString("base64"));
  }

  checkCompatibilityInfo(_caller: HostCaller, info: string): Promise<readonly JobError[]> {
    const text = Buffer.from(info, "base64").toString();
    return Promise.resolve(
      text === "host" ? [] : [{ message: "the CPU model differs", code: "CPU_MODEL", remedies: [] }],
    );
  }

  migrationServiceState() {
    return Promise.resolve({
      activeMigrations: 1,
      activeStorageMigrations: 0,
      listenerAddresses: ["10.0.0.1"],
    });
  }

  migrationSettings() {
    return Promise.resolve(this.settings);
  }

  modifyMigrationSettings(_caller: HostCaller, patch: Partial<MigrationSettings>): Promise<MethodOutcome> {
    this.settings = { ...this.settings, ...patch };
    return Promise.resolve({ returnValue: 0 });
  }

  migrationNetworks() {
    return Promise.resolve(this.networks);
  }

  addMigrationNetworks(_caller: HostCaller, networks: readonly MigrationNetwork[]): Promise<MethodOutcome> {
    for (const network of networks)
      this.networks.push({ ...network, id: `Microsoft:net${this.networks.length}` });
    return Promise.resolve({ returnValue: 0 });
  }

  modifyMigrationNetworks(
    _caller: HostCaller,
    networks: readonly MigrationNetwork[],
  ): Promise<MethodOutcome> {
    this.networks = this.networks.map((old) => networks.find((each) => each.id === old.id) ?? old);
    return Promise.resolve({ returnValue: 0 });
  }

  removeMigrationNetworks(_caller: HostCaller, ids: readonly string[]): Promise<MethodOutcome> {
    this.networks = this.networks.filter((network) => !ids.includes(network.id ?? ""));
    return Promise.resolve({ returnValue: 0 });
  }

  listJobs() {
    const seen = [...this.jobs.values()];
    for (const job of seen) this.#step(job);
    return Promise.resolve(seen);
  }

  cancelJob(_caller: HostCaller, jobId: string): Promise<MethodOutcome> {
    const job = this.jobs.get(jobId);
    if (job === undefined) return Promise.resolve({ returnValue: 32777 });
    this.jobs.set(jobId, { ...job, state: "terminated", errorDescription: "cancelled by alice@LAB.TEST" });
    return Promise.resolve({ returnValue: 0 });
  }

  migrationProgress(_caller: HostCaller, jobId?: string) {
    return Promise.resolve(
      [...this.progress.values()].filter((each) => jobId === undefined || each.jobId === jobId),
    );
  }

  preflightFindings(_caller: HostCaller, jobId = ""): Promise<readonly PreflightFinding[]> {
    return Promise.resolve([
      { jobId, check: "cpu-model", severity: "ok", message: "qemu64 on both" },
      {
        jobId,
        check: "delegation",
        severity: "error",
        code: "NOT_FORWARDABLE",
        message: "no",
        remedy: "set it",
      },
    ]);
  }

  auditRecords(_caller: HostCaller, query: AuditQuery) {
    this.lastAuditQuery = query;
    return Promise.resolve(this.audit);
  }

  /** Everything typed so far; a console of this host repeats it. */
  typed = Buffer.alloc(0);
  consoleEnd: ConsoleEnd | undefined;

  openConsole(_caller: HostCaller, vmId: string, takeOver: boolean) {
    return Promise.resolve(`${vmId}${takeOver ? "!" : ""}`);
  }

  readConsole(_caller: HostCaller, _session: string, offset: number) {
    const bytes = new Uint8Array(this.typed.subarray(offset));
    return Promise.resolve({ offset, bytes, end: this.consoleEnd });
  }

  writeConsole(_caller: HostCaller, _session: string, offset: number, bytes: Uint8Array) {
    this.typed = Buffer.concat([this.typed.subarray(0, offset), bytes]);
    return Promise.resolve(this.typed.length);
  }

  closeConsole() {
    this.consoleEnd = { reason: "left" };
    return Promise.resolve();
  }

  #start(name: string, type: number, request?: MigrationRequest): string {
    const id = randomUUID().toUpperCase();
    const errors = this.failNext;
    this.failNext = undefined;
    this.jobs.set(id, {
      id,
      name,
      state: "running",
      percent: 0,
      type,
      owner: "alice@LAB.TEST",
      submitted: started,
      started,
      elapsed: 1500,
      cancellable: true,
      ...(errors === undefined ? {} : { errors }),
      ...(request === undefined
        ? {}
        : {
            migration: { vmId: request.vmId, destinationHost: request.destinationHost, type: request.type },
          }),
    });
    return id;
  }

  #step(job: Job): void {
    if (job.state !== "running") return;
    const percent = Math.min(100, job.percent + 40);
    const progress = this.progress.get(job.id);
    if (progress !== undefined) this.progress.set(job.id, { ...progress, pass: progress.pass + 1 });
    if (job.errors !== undefined)
      this.jobs.set(job.id, { ...job, percent, state: "exception", errorCode: 32768 });
    else this.jobs.set(job.id, { ...job, percent, state: percent === 100 ? "completed" : "running" });
  }
}

/** What a host reports when Kerberos-only delegation meets evidence that is not forwardable. */
export const kerberosOnlyErrors = delegationErrors({
  code: "EVIDENCE_NOT_FORWARDABLE",
  explanation: "KVM01$ may delegate with Kerberos only, and the evidence is a ticket it made by itself.",
  remedies: ["On KVM01$ choose any authentication protocol (TRUSTED_TO_AUTH_FOR_DELEGATION)."],
});
