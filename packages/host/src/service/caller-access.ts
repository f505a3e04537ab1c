import type { HostCaller } from "@waybill/hyperv";
import type { AuditAction } from "../audit/audit-log.ts";
import type { Right } from "../authorization/authorizer.ts";
import type { Caller } from "../authorization/caller.ts";
import type { VmRecord } from "../journal/journal.ts";
import type { HostServiceParts } from "./host-service.ts";
import { isOver, type MigrationJob } from "./jobs.ts";
import { notFound } from "./refusals.ts";
import type { Session } from "./session-broker.ts";

/** What every operation begins with: who calls, what they may do, and to what. */
export class CallerAccess {
  readonly #parts: HostServiceParts;

  constructor(parts: HostServiceParts) {
    this.#parts = parts;
  }

  /** @throws HostError `SESSION_UNKNOWN` */
  session(caller: HostCaller): Session {
    return this.#parts.session(caller);
  }

  person(caller: HostCaller): Caller {
    return this.session(caller).caller;
  }

  /** @throws HostError `ACCESS_DENIED` */
  demand(caller: HostCaller, right: Right, vm?: string): void {
    this.#parts.authorizer.demand(this.person(caller), right, vm);
  }

  /** A machine, by id or name. @throws HostError `NOT_FOUND`, also for one that the caller may not see. */
  vm(caller: HostCaller, id: string, right: Right): VmRecord {
    const person = this.person(caller);
    const { journal, authorizer } = this.#parts;
    const vm = journal.vm(id.toLowerCase()) ?? journal.vmByName(id);
    if (vm === undefined || !authorizer.allows(person, "list", vm.name))
      throw notFound("virtual machine", id);
    authorizer.demand(person, right, vm.name);
    return vm;
  }

  /** The jobs that the caller may see. */
  jobs(caller: HostCaller, id?: string): MigrationJob[] {
    const person = this.person(caller);
    const { jobs, authorizer } = this.#parts;
    return jobs
      .all()
      .filter((job) => (id === undefined || job.id === id) && authorizer.allows(person, "list", job.vm.name));
  }

  /** Whether the machine is being moved away. */
  busy(vm: string): boolean {
    return this.#parts.jobs
      .all()
      .some((job) => job.kind === "move" && job.vm.id === vm && !isOver(job.state));
  }

  /** Writes down what the caller has done. */
  audit(caller: HostCaller, action: AuditAction, vm?: string, detail?: string): void {
    const person = this.person(caller);
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
