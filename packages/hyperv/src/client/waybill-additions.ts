import type { CallOptions } from "@waybill/wsman";
import { WaybillAuditRecord, WaybillHostStatus } from "../classes/waybill-classes.ts";
import { fromAuditRecord, fromHostStatus } from "../mapping/host.ts";
import type { AuditQuery, AuditRecord, HostStatus } from "../model/host.ts";
import { formatCimMoment } from "../schema/cim-datetime.ts";
import type { HostAccess } from "./host-access.ts";
import { wqlText } from "./wmi-session.ts";

const maxAuditRecords = 1000;

/** What only Waybill hosts can be asked. */
export class WaybillAdditions {
  readonly #access: HostAccess;

  constructor(access: HostAccess) {
    this.#access = access;
  }

  /** @throws HyperVError `NOT_A_WAYBILL_HOST` on Hyper-V. */
  async hostStatus(options: CallOptions = {}): Promise<HostStatus> {
    await this.#access.needWaybill("host status", options);
    const [status] = await this.#access.session.select(WaybillHostStatus, undefined, options);
    if (status === undefined) throw this.#access.missing("WAYBILL_STATUS_MISSING", "the host gave no status");
    return fromHostStatus(status);
  }

  /** The audit trail of a Waybill host, newest first. @throws HyperVError `NOT_A_WAYBILL_HOST` on Hyper-V. */
  async auditRecords(query: AuditQuery = {}, options: CallOptions = {}): Promise<readonly AuditRecord[]> {
    await this.#access.needWaybill("the audit trail", options);
    const tests = [
      query.vm === undefined ? undefined : `VirtualSystem = ${wqlText(query.vm)}`,
      query.person === undefined ? undefined : `Person = ${wqlText(query.person)}`,
      query.since === undefined ? undefined : `Time >= ${wqlText(formatCimMoment(query.since))}`,
    ].filter((test) => test !== undefined);
    const where = tests.length === 0 ? undefined : tests.join(" and ");
    const found = await this.#access.session.select(WaybillAuditRecord, where, options);
    const newest = found.map(fromAuditRecord).sort((left, right) => right.time - left.time);
    return newest.slice(0, query.limit ?? maxAuditRecords);
  }
}
