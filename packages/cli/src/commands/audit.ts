import type { AuditRecord } from "@waybill/hyperv";
import type { Command } from "commander";
import { formatAudit } from "../output/audit-table.ts";
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
    .addHelpText("after", examples)
    .action(async (options: AuditOptions) => {
      const records = await auditRecords(options);
      if (options.json) for (const record of records) console.log(JSON.stringify(record));
      else console.log(formatAudit(records));
    });
}

const examples = `
"proved": the KDC saw a ticket of the person's own. "asserted": the host alone
says that it was them. "recorded": taken over from the beginning of the move.

Examples:
  waybill audit --host kvm01 kvm02
  waybill audit --host kvm01 --vm web01 --limit 5
  waybill audit --host kvm01 kvm02 --person alice --json`;

export async function auditRecords({ host, vm, person, limit }: AuditOptions): Promise<AuditRecord[]> {
  const all = await Promise.all(
    host.map((name) => withHost(name, (client) => client.auditRecords({ vm, person, limit }))),
  );
  return all
    .flat()
    .toSorted((left, right) => left.time - right.time)
    .slice(-limit);
}
