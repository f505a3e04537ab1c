import { WaybillError } from "@waybill/base";
import type { Account, DirectoryView } from "@waybill/directory";
import {
  type EvidenceMode,
  type MigrationService,
  operators,
  type PlanMode,
  type Severity,
  type StartKind,
} from "@waybill/doctor";
import { type Command, Option } from "commander";
import { type DirectorySource, profileNames } from "../../session/open-directory.ts";

/** Options that say which directory is looked at. */
export function withSource(command: Command): Command {
  return command
    .option(
      "--ldif <file>",
      "read an LDIF export instead of asking a domain controller; - for standard input",
    )
    .option("--controller <name>", "ask this domain controller")
    .option("--domain <name>", "DNS name of the domain, when an export holds several")
    .addOption(
      new Option("--profile <kdc>", "make of KDC to predict; found out unless told").choices(profileNames),
    );
}

export interface DoctorOptions extends DirectorySource {
  readonly person?: string[];
  readonly group?: string;
  readonly host?: string[];
  readonly from?: string;
  readonly to?: string;
  readonly via?: string;
  readonly start?: StartKind;
  readonly evidence: EvidenceMode | "auto";
  readonly memoryOnly?: boolean;
  readonly mode: PlanMode;
  readonly resourceOnly?: boolean;
  readonly whatIf?: boolean;
  readonly fix?: boolean;
  readonly yes?: boolean;
  readonly undo?: string;
  readonly prove?: boolean;
  readonly keytab?: string[];
  readonly hosts?: boolean;
  readonly dc?: string[];
  readonly failOn: Severity;
  readonly all?: boolean;
  readonly json?: boolean;
  readonly html?: string;
}

/** Whom the doctor looks at: named, members of a group, or who operates hosts. */
export function peopleOf(view: DirectoryView, options: DoctorOptions): (string | Account)[] {
  if (options.person !== undefined) return options.person;
  if (options.group === undefined) return operators(view);
  const group = view.groupBySam(options.group);
  if (group === undefined) {
    throw new WaybillError(`there is no group "${options.group}" in ${view.domain.realm}`, {
      code: "UNKNOWN_GROUP",
      family: "caller",
      remedy: "Name it by its account name.",
    });
  }
  return [...view.membersOf(group)].filter(({ kind }) => kind === "user");
}

export function startOf({ start, via }: DoctorOptions): StartKind {
  return start ?? (via === undefined ? "remote" : "via-management-server");
}

export function servicesOf({ memoryOnly }: DoctorOptions): MigrationService[] {
  return memoryOnly === true ? ["migration"] : ["migration", "storage"];
}
