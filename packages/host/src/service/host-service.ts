import { cpus, freemem, totalmem } from "node:os";
import type { Logger } from "@waybill/base";
import { type HostCaller, type HyperVHost, type MethodOutcome, ReturnValue } from "@waybill/hyperv";
import type { AuditLog } from "../audit/audit-log.ts";
import { type Authorizer, rights } from "../authorization/authorizer.ts";
import type { EvidenceMode } from "../config/host-config.ts";
import type { ConsoleSessions } from "../console/console-sessions.ts";
import type { Journal } from "../journal/journal.ts";
import { CallerAccess } from "./caller-access.ts";
import { consoleOperations } from "./console-operations.ts";
import type { JobStore } from "./jobs.ts";
import { machineOperations } from "./machine-operations.ts";
import { moveOperations } from "./move-operations.ts";
import type { Mover } from "./mover.ts";
import type { Session } from "./session-broker.ts";
import type { SettingsStore } from "./settings.ts";
import { settingsOperations } from "./settings-operations.ts";
import type { VmManager } from "./vm-manager.ts";

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
  readonly consoles: ConsoleSessions;
  readonly logger: Logger;
  readonly evidence: () => EvidenceMode;
  readonly requireProofOfIdentity: boolean;
  readonly listenerAddresses: readonly string[];
  /** The live session behind a caller. @throws HostError `SESSION_UNKNOWN` */
  session(caller: HostCaller): Session;
}

export const done: MethodOutcome = { returnValue: ReturnValue.completed };

/** The host behind the WMI v2 surface: every call is authorized from the caller's PAC before it does anything. */
export function hostService(parts: HostServiceParts): HyperVHost {
  const access = new CallerAccess(parts);
  return {
    hostName: parts.host,
    productVersion: parts.version,
    ...machineOperations(parts, access),
    ...moveOperations(parts, access),
    ...settingsOperations(parts, access),
    ...consoleOperations(parts, access),

    async hostStatus(caller) {
      const { caller: person } = access.session(caller);
      const { host, realm, version, authorizer, vms, journal, jobs } = parts;
      const states = await Promise.all(journal.vms().map((vm) => vms.state(vm)));
      return {
        host,
        realm,
        version,
        evidenceMode: parts.evidence(),
        requireProofOfIdentity: parts.requireProofOfIdentity,
        caller: person.principal,
        callerAssertedBy: person.assertedBy,
        callerRights: rights.filter((right) => authorizer.allows(person, right)),
        accelerator: vms.options.accelerator,
        hypervisor: "QEMU",
        cpuModel: cpus()[0]?.model.trim(),
        memoryTotal: totalmem(),
        memoryFree: freemem(),
        runningMachines: states.filter((state) => state === "running").length,
        queuedMigrations: jobs.all().filter((job) => job.state === "queued").length,
        time: Date.now(),
      };
    },

    async auditRecords(caller, query) {
      access.demand(caller, "audit");
      return parts.audit.search(query).map((record, index) => ({
        ...record,
        id: `${record.time}-${record.migration ?? index}-${record.action}-${record.outcome}`,
      }));
    },
  };
}
