import type { DirectoryView } from "@waybill/directory";
import type { Change } from "@waybill/kdc";
import type { AttributeDiff } from "./attribute-diff.ts";
import { commandsOf } from "./commands.ts";
import { ldifOf } from "./ldif-of-plan.ts";
import { PlanDraft } from "./plan-draft.ts";

/** One way out of a finding, ready to use by hand or by `--fix`. */
export interface Remedy {
  /** What to do, one sentence. */
  readonly summary: string;
  /** What the change makes possible, one sentence each. */
  readonly opens: readonly string[];
  /** Nothing but good can come of it: `--fix` may do it without being told which remedy to take. */
  readonly automatic: boolean;
  readonly diffs: readonly AttributeDiff[];
  readonly powershell: readonly string[];
  readonly sambaTool: readonly string[];
  /** LDIF change records; empty when there is nothing to change in the directory. */
  readonly ldif: string;
}

/** What somebody types, or hands to somebody else, to make changes. */
export type WrittenChanges = Pick<Remedy, "powershell" | "sambaTool" | "ldif">;

export function writtenChanges(view: DirectoryView, diffs: readonly AttributeDiff[]): WrittenChanges {
  const nameOf = (sid: string): string =>
    view.bySid(sid)?.samAccountName ?? view.groupBySid(sid)?.samAccountName ?? sid;
  const commands = diffs.map((diff) => commandsOf(diff, nameOf));
  return {
    powershell: commands.flatMap(({ powershell }) => powershell),
    sambaTool: commands.flatMap(({ sambaTool }) => sambaTool),
    ldif: diffs.length === 0 ? "" : ldifOf(diffs),
  };
}

/** A remedy made of attribute changes. */
export function remedyOf(
  view: DirectoryView,
  summary: string,
  diffs: readonly AttributeDiff[],
  automatic: boolean,
): Remedy {
  return {
    summary,
    opens: [...new Set(diffs.flatMap((diff) => diff.opens))],
    automatic,
    diffs,
    ...writtenChanges(view, diffs),
  };
}

/** A remedy outside the directory, or one for people only. */
export function advice(
  summary: string,
  commands: Partial<Pick<Remedy, "powershell" | "sambaTool">> = {},
): Remedy {
  return {
    summary,
    opens: [],
    automatic: false,
    diffs: [],
    powershell: commands.powershell ?? [],
    sambaTool: commands.sambaTool ?? [],
    ldif: "",
  };
}

/** What lifts a reason of the KDC, as a remedy. */
export function remedyOfChange(view: DirectoryView, change: Change): Remedy {
  if (change.kind === "ask-differently" || change.kind === "other-kdc") return advice(change.how);
  const account = view.byDn(change.object);
  const { account: name } = change;
  if (account === undefined) return advice(`Change ${name}.`);
  const draft = new PlanDraft(view);
  switch (change.kind) {
    case "set-flag":
      draft.setFlag(account, change.flag, true);
      return remedyOf(view, `Set ${flagLabel(change.flag)} on ${name}.`, draft.diffs(), false);
    case "clear-flag":
      draft.setFlag(account, change.flag, false);
      return remedyOf(view, `Clear ${flagLabel(change.flag)} on ${name}.`, draft.diffs(), false);
    case "add-value":
      if (change.attribute === "servicePrincipalName") draft.addName(account, change.value);
      else draft.addEntry(account, change.value);
      return remedyOf(view, `Add "${change.value}" to ${change.attribute} of ${name}.`, draft.diffs(), false);
    case "remove-value":
      if (change.attribute === "servicePrincipalName") draft.removeName(account, change.value);
      else draft.removeEntries(account, (spn) => spn.toLowerCase() === change.value.toLowerCase());
      return remedyOf(
        view,
        `Remove "${change.value}" from ${change.attribute} of ${name}.`,
        draft.diffs(),
        false,
      );
    case "clear-attribute":
      draft.removeEntries(account, () => true);
      return remedyOf(view, `Empty ${change.attribute} of ${name}.`, draft.diffs(), false);
    case "grant-delegation": {
      const trustee = view.bySid(change.trustee);
      if (trustee !== undefined) draft.grant(account, trustee);
      const summary = `Let ${change.trusteeAccount} act for others towards ${name} (resource-based delegation).`;
      return remedyOf(view, summary, draft.diffs(), false);
    }
    case "set-attribute":
      if (change.attribute === "msDS-SupportedEncryptionTypes") {
        draft.setEncryption(account, Number(change.value));
        return remedyOf(view, `Set ${change.attribute} of ${name} to ${change.value}.`, draft.diffs(), false);
      }
      return advice(`Set ${change.attribute} of ${name} to ${change.value}.`, {
        powershell:
          change.attribute === "accountExpires" ? [`Clear-ADAccountExpiration -Identity '${name}'`] : [],
        sambaTool:
          change.attribute === "accountExpires" ? [`samba-tool user setexpiry '${name}' --noexpiry`] : [],
      });
    case "leave-group":
      return advice(`Take ${name} out of ${change.groupName}.`, {
        powershell: [`Remove-ADGroupMember -Identity '${change.groupName}' -Members '${name}'`],
        sambaTool: [`samba-tool group removemembers '${change.groupName}' '${name}'`],
      });
    case "reset-password":
      return advice(`Set a new password for ${name}.`, {
        powershell: [`Set-ADAccountPassword -Identity '${name}' -Reset`],
        sambaTool: [`samba-tool user setpassword '${name}'`],
      });
    case "unlock":
      return advice(`Unlock ${name}.`, {
        powershell: [`Unlock-ADAccount -Identity '${name}'`],
        sambaTool: [`samba-tool user unlock '${name}'`],
      });
  }
}

function flagLabel(flag: string): string {
  const labels: Readonly<Record<string, string>> = {
    trustedToAuthForDelegation: 'TRUSTED_TO_AUTH_FOR_DELEGATION ("Use any authentication protocol")',
    notDelegated: 'NOT_DELEGATED ("Account is sensitive and cannot be delegated")',
    trustedForDelegation: "TRUSTED_FOR_DELEGATION (unconstrained delegation)",
    accountDisable: "ACCOUNTDISABLE",
    smartcardRequired: "SMARTCARD_REQUIRED",
  };
  return labels[flag] ?? flag;
}
