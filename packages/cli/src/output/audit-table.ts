import type { AuditRecord } from "@waybill/hyperv";
import { formatTable } from "./table.ts";
import { localTime } from "./ticket-view.ts";

/** A record a line; the JSON has the names in full. */
export function formatAudit(records: readonly AuditRecord[]): string {
  if (records.length === 0) return "No records.";
  const realms = new Set(records.map(({ person }) => person.split("@")[1]));
  const rows = records.map((record) => [
    localTime(record.time),
    hostLabel(record.host),
    `${record.action} ${record.outcome}`,
    record.vm ?? "",
    // Of one realm, as they usually are: a name is shorter to read.
    realms.size === 1 ? (record.person.split("@")[0] ?? "") : record.person,
    record.delegatingHost === undefined ? "" : hostLabel(record.delegatingHost),
    identityWords[record.assertedBy] ?? record.assertedBy,
  ]);
  return formatTable(["time", "host", "what", "vm", "person", "through", "identity"], rows);
}

/** Who vouched that it was the person: [MS-DTYP] section 2.4.2.4, S-1-18-1 and S-1-18-2. */
const identityWords: Readonly<Record<string, string>> = {
  "authentication-authority": "proved",
  service: "asserted",
};

/** `kvm01`, whether a record names the host, its service or its account. */
export function hostLabel(name: string): string {
  const host = name.slice(name.lastIndexOf("/") + 1);
  return (/^[^.@$]*/.exec(host)?.[0] ?? host).toLowerCase();
}
