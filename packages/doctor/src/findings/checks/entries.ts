import { type Account, hostAliasOf, spnKey } from "@waybill/directory";
import { factOf } from "@waybill/kdc";
import { PlanDraft } from "../../repair/plan-draft.ts";
import { remedyOf } from "../../repair/remedy.ts";
import { type Examination, enumerate } from "../examination.ts";
import type { Finding } from "../finding.ts";

/** Delegation entries for names that exist nowhere, or that another account holds than the name says. */
export function checkEntries(examination: Examination): Finding[] {
  return examination.accounts
    .filter(({ allowedToDelegateTo }) => allowedToDelegateTo.length > 0)
    .flatMap((account) => [...dangling(examination, account), ...misplaced(examination, account)]);
}

function dangling(examination: Examination, account: Account): Finding[] {
  const { view } = examination;
  const list = "msDS-AllowedToDelegateTo";
  const dead = account.allowedToDelegateTo.filter(
    (spn) =>
      ownersOf(examination, spn).length === 0 && ownersOf(examination, spn.replaceAll("\\", "")).length === 0,
  );
  if (dead.length === 0) return [];
  const draft = new PlanDraft(view);
  const gone = new Set(dead);
  draft.removeEntries(account, (spn) => gone.has(spn));
  const name = account.samAccountName;
  return [
    examination.finding("entry-dangling", {
      cause: `${name} may delegate to ${enumerate(
        dead.map((spn) => `"${spn}"`),
        3,
      )} (${list}), but no account has ${dead.length === 1 ? "that service name" : "those service names"}.`,
      evidence: dead.slice(0, 20).map((spn) => factOf(account, list, spn)),
      effect:
        "The entries do nothing, until somebody registers such a name and receives what was meant for a host that is gone" +
        (dead.length === account.allowedToDelegateTo.length
          ? `; and as the list is not empty they decide whether S4U2Self tickets of ${name} are forwardable.`
          : "."),
      // Removing the last entry changes what S4U2Self gives; that is for people to decide.
      remedies: [
        remedyOf(
          view,
          `Remove ${dead.length === 1 ? "the entry" : `the ${dead.length} entries`} from ${list} of ${name}.`,
          draft.diffs(),
          dead.length < account.allowedToDelegateTo.length,
        ),
      ],
    }),
  ];
}

function misplaced(examination: Examination, account: Account): Finding[] {
  const { hostByName, view } = examination;
  return account.allowedToDelegateTo.flatMap((spn) => {
    const host = hostByName.get(hostPart(spn));
    const owners = ownersOf(examination, spn);
    const [owner] = owners;
    if (host === undefined || owner === undefined || owners.some(({ sid }) => sid === host.sid)) return [];
    const draft = new PlanDraft(view);
    draft.removeName(owner, spn);
    return [
      examination.finding("entry-misplaced", {
        cause: `${account.samAccountName} may delegate to "${spn}" (msDS-AllowedToDelegateTo), but that name is registered on ${owner.samAccountName}, not on ${host.samAccountName}.`,
        evidence: [
          factOf(account, "msDS-AllowedToDelegateTo", spn),
          factOf(owner, "servicePrincipalName", spn),
        ],
        effect: `Tickets for ${host.samAccountName} are encrypted for ${owner.samAccountName}, which ${host.samAccountName} cannot read (0x80090322); ${owner.samAccountName} could act on them.`,
        remedies: [remedyOf(view, `Remove "${spn}" from ${owner.samAccountName}.`, draft.diffs(), false)],
      }),
    ];
  });
}

export function ownersOf({ owners }: Examination, spn: string): readonly Account[] {
  const registered = owners.get(spnKey(spn));
  if (registered !== undefined) return registered;
  const alias = hostAliasOf(spn);
  return alias === undefined ? [] : (owners.get(alias) ?? []);
}

/** The host a service name speaks of, in lower case, without port. */
export function hostPart(spn: string): string {
  const [, host = ""] = spn.split("/");
  return host.replace(/:.*$/, "").toLowerCase();
}
