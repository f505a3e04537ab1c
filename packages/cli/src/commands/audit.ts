import type { AuditRecord } from "@waybill/hyperv";
import type { Command } from "commander";
import { formatTable } from "../output/table.ts";
import { withHost } from "../session/connect-host.ts";

interface AuditOptions {
  readonly host: string[];
  readonly vm?: string;
  readonly person?: string;
  readonly limit: number;
  readonly json?: boolean;
}

export function registerAudit(program: Command): void {
  program
    .command("audit")
    .description("who moved what, through which host, and how their identity was asserted")
    .requiredOption("--host <name...>", "hosts to ask")
    .option("--vm <name>", "one virtual machine only")
    .option("--person <name>", "one person only")
    .option("--limit <n>", "the newest records", Number, 20)
    .option("--json", "as JSON, one record per line")
    .action(async (options: AuditOptions) => {
      const records = await auditRecords(options);
      if (options.json) for (const record of records) console.log(JSON.stringify(record));
      else console.log(formatAudit(records));
    });
}

export async function auditRecords({ host, vm, person, limit }: AuditOptions): Promise<AuditRecord[]> {
  const all = await Promise.all(
    host.map((name) => withHost(name, (client) => client.auditRecords({ vm, person, limit }))),
  );
  return all
    .flat()
    .toSorted((left, right) => left.time - right.time)
    .slice(-limit);
}

export function formatAudit(records: readonly AuditRecord[]): string {
  const rows = records.map((record) => [
    new Date(record.time).toISOString().slice(0, 19),
    record.host.split(".")[0] ?? record.host,
    record.action,
    record.outcome,
    record.vm ?? "",
    record.person,
    record.delegatingHost ?? "",
    record.assertedBy,
  ]);
  return formatTable(
    ["time", "host", "action", "outcome", "vm", "person", "through", "identity asserted by"],
    rows,
  );
}
