import type { Account, DirectoryView } from "@waybill/directory";
import { ErrorCode } from "@waybill/kerberos";
import { type Refusal, refuse } from "./decision.ts";
import { activeDirectory, type KdcProfile } from "./profile.ts";
import { factOf, objectOf, type Reason } from "./reason.ts";
import { escapeServiceName, spnOwnersFor } from "./service-name.ts";

/** The one account a service name stands for, as a KDC of this make finds it. */
export function serviceDecision(
  view: DirectoryView,
  spn: string,
  profile: KdcProfile = activeDirectory,
):
  | { readonly allowed: true; readonly account: Account; readonly match: "registered" | "host-alias" }
  | Refusal {
  const { accounts, match } = spnOwnersFor(view, spn, profile);
  const [only, second] = accounts;
  if (only !== undefined && second === undefined && match !== "none")
    return { allowed: true, account: only, match };
  const reason = second === undefined ? unknownReason(view, spn, profile) : duplicateReason(spn, accounts);
  return refuse(
    { ...profile, ntStatusInTgsErrors: true },
    ErrorCode.KDC_ERR_S_PRINCIPAL_UNKNOWN,
    undefined,
    reason,
  );
}

function unknownReason(view: DirectoryView, spn: string, profile: KdcProfile): Reason {
  const plain = view.spnOwners(spn).accounts[0];
  if (profile.escapedServiceNames && plain !== undefined) {
    const attribute = "servicePrincipalName";
    const value = escapeServiceName(spn);
    return {
      id: "service-name-escaped",
      sentence: `"${spn}" is registered, but this KDC (${profile.name}) looks it up with its spaces escaped ("${value}").`,
      fact: factOf(plain, attribute, spn),
      lifts: [{ kind: "add-value", ...objectOf(plain), attribute, value }],
    };
  }
  return { id: "service-unknown", sentence: `No account owns the service name "${spn}".`, lifts: [] };
}

function duplicateReason(spn: string, accounts: readonly Account[]): Reason {
  const names = accounts.map((account) => account.samAccountName).join(", ");
  const [first] = accounts;
  return {
    id: "service-name-duplicate",
    sentence: `"${spn}" belongs to several accounts (${names}), so the KDC issues no ticket for it.`,
    fact: first === undefined ? undefined : factOf(first, "servicePrincipalName", spn),
    lifts: accounts.map((account) => ({
      kind: "remove-value",
      ...objectOf(account),
      attribute: "servicePrincipalName",
      value: spn,
    })),
  };
}
