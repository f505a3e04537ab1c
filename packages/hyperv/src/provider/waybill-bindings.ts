import { WaybillAuditRecord, WaybillHostStatus } from "../classes/waybill-classes.ts";
import { toAuditRecord, toHostStatus } from "../mapping/host.ts";
import { earliestIn, equalityIn } from "../wql/equality-in.ts";
import { bindClass, type ClassBinding } from "./class-binding.ts";

/** What only Waybill hosts have. */
export const waybillBindings: readonly ClassBinding[] = [
  bindClass(WaybillHostStatus, {
    instances: async ({ host, caller }) => [toHostStatus(await host.hostStatus(caller))],
  }),
  bindClass(WaybillAuditRecord, {
    instances: async ({ host, caller, select }) => {
      const query = {
        vm: equalityIn(select, "VirtualSystem"),
        person: equalityIn(select, "Person"),
        since: earliestIn(select, "Time"),
      };
      return (await host.auditRecords(caller, query)).map(toAuditRecord);
    },
  }),
];
