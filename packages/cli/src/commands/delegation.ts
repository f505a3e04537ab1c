import { WaybillError } from "@waybill/base";
import {
  delegationSettings,
  type EvidenceMode,
  meshPairs,
  type PlanMode,
  plan,
  planConvert,
  planRevoke,
  printable,
} from "@waybill/doctor";
import { type Command, Option } from "commander";
import { ExitCode } from "../output/exit-code.ts";
import { formatTable } from "../output/table.ts";
import { type DirectorySource, withDirectory } from "../session/open-directory.ts";
import { carryOut, type FixOptions } from "./doctor/fix.ts";
import { withSource } from "./doctor/options.ts";

interface ChangeOptions extends DirectorySource, FixOptions {
  readonly from?: string;
  readonly to?: string;
  readonly both?: boolean;
  readonly mesh?: string[];
  readonly mode: PlanMode;
  readonly evidence: EvidenceMode | "auto";
  readonly memoryOnly?: boolean;
}

/** `waybill delegation …`: who may act for whom, shown and changed over LDAP. */
export function registerDelegation(program: Command): void {
  const delegation = program.command("delegation").description("show and change who may act for whom");
  withSource(delegation.command("show [account]"))
    .description("every delegation there is, or those of one account")
    .option("--json", "as JSON")
    .action(async (account: string | undefined, options: DirectorySource & { json?: boolean }) => {
      await withDirectory(options, async ({ directory }) => {
        const settings = delegationSettings(directory, account);
        if (options.json === true) return console.log(JSON.stringify(settings));
        const rows = settings.map(({ account: who, kind, towards, exists }) =>
          [who, kind, exists ? "" : "missing", towards].map(printable),
        );
        console.log(
          rows.length === 0
            ? "Nobody may act for anybody."
            : formatTable(["account", "kind", "", "towards"], rows),
        );
      });
    });
  withChange(delegation.command("allow"))
    .description("let hosts act towards other hosts, with the least privilege that works")
    .option("--from <host>", "the host that acts")
    .option("--to <host>", "the host it acts towards")
    .option("--both", "and back")
    .option("--mesh <host...>", "between all of these, in both directions")
    .option("--memory-only", "leave out cifs: storage stays where it is")
    .addOption(
      new Option("--mode <kind>", "how")
        .choices(["auto", "kerberos-only", "any-protocol", "resource-based"])
        .default("auto"),
    )
    .addOption(
      new Option("--evidence <mode>", "what the source hosts show to the KDC")
        .choices(["auto", "ticket", "s4u2self"])
        .default("auto"),
    )
    .action(async (options: ChangeOptions) => {
      await withDirectory(options, async (open) => {
        const { directory: view, profile } = open;
        const made = plan({
          view,
          profile,
          pairs: pairsOf(options),
          mode: options.mode,
          evidence: options.evidence,
          services: options.memoryOnly === true ? ["migration"] : ["migration", "storage"],
        });
        finish(await carryOut(made, open, options), options);
      });
    });
  withChange(delegation.command("revoke"))
    .description("take delegation away")
    .requiredOption("--from <host>", "the host that acts")
    .option("--to <host>", "towards this host only")
    .action(async (options: ChangeOptions & { from: string }) => {
      await withDirectory(options, async (open) => {
        const made = planRevoke({
          view: open.directory,
          profile: open.profile,
          from: options.from,
          to: options.to,
        });
        finish(await carryOut(made, open, options), options);
      });
    });
  withChange(delegation.command("convert <host>"))
    .description("classic to resource-based and back; any protocol to Kerberos only and back")
    .addOption(
      new Option("--into <kind>", "what it shall be")
        .choices(["classic", "resource-based", "any-protocol", "kerberos-only"])
        .makeOptionMandatory(),
    )
    .action(
      async (host: string, options: ChangeOptions & { into: Parameters<typeof planConvert>[0]["into"] }) => {
        await withDirectory(options, async (open) => {
          const made = planConvert({ view: open.directory, profile: open.profile, host, into: options.into });
          finish(await carryOut(made, open, options), options);
        });
      },
    );
}

function withChange(command: Command): Command {
  return withSource(command)
    .option("--dry-run", "show the plan and the commands, change nothing")
    .option("--yes", "do not ask")
    .option("--undo <file>", "where to keep the LDIF that takes it back")
    .option("--json", "as JSON");
}

function pairsOf({ from, to, both, mesh }: ChangeOptions): ReturnType<typeof meshPairs> {
  if (mesh !== undefined) return meshPairs(mesh);
  if (from !== undefined && to !== undefined)
    return [{ from, to }, ...(both === true ? [{ from: to, to: from }] : [])];
  throw new WaybillError("it takes two hosts: the one that acts, and the one it acts towards", {
    code: "HOSTS_NEEDED",
    family: "caller",
    remedy: "Give --from and --to, or --mesh with several hosts.",
  });
}

function finish(done: boolean, { dryRun, ldif }: ChangeOptions): void {
  if (!done && dryRun !== true && ldif === undefined) process.exitCode = ExitCode.failed;
}
