import { type DirectoryView, hasFlag } from "@waybill/directory";
import type { Finding } from "../findings/finding.ts";
import { shortNameOf } from "../model/service-names.ts";
import { PlanDraft } from "../repair/plan-draft.ts";
import { advice, remedyOf } from "../repair/remedy.ts";
import { directoryFact, fact, hostFinding, type Parts } from "./host-finding.ts";
import type { HostReading } from "./host-reading.ts";

/** What a host does, beside what the directory lets it do. */
export function agreement(
  view: DirectoryView,
  trustees: ReadonlySet<string>,
  reading: HostReading,
): Finding[] {
  const { account, name, kind, settings, status } = reading;
  if (settings === undefined) return [];
  const found: Finding[] = [];
  const list = account.allowedToDelegateTo;
  const any = hasFlag(account.userAccountControl, "trustedToAuthForDelegation");
  const add = (severity: Finding["severity"], parts: Parts): void => {
    found.push(hostFinding(reading, "host-delegation-disagrees", { severity, ...parts }));
  };
  if (status !== undefined && status.host.toLowerCase() !== name) {
    add("error", {
      cause: `The host that answers for ${name} calls itself "${status.host}".`,
      evidence: [fact(reading, "Waybill_HostStatus.Host", status.host)],
      effect: "Its keytab is of one account and its configuration of another host: other hosts refuse it.",
      remedies: [advice("Correct host: in its configuration, or give it its own keytab.")],
    });
  }
  const transitions = kind === "hyper-v" || status?.evidenceMode === "s4u2self";
  if (settings.authentication === "kerberos" && transitions && list.length > 0 && !any) {
    const draft = new PlanDraft(view);
    draft.setFlag(account, "trustedToAuthForDelegation", true);
    add("error", {
      cause: `${name} ${kind === "hyper-v" ? "is a Hyper-V host, which uses S4U2Self," : "uses S4U2Self (evidence: s4u2self)"} while its account may use Kerberos only (userAccountControl lacks TRUSTED_TO_AUTH_FOR_DELEGATION).`,
      evidence: [
        fact(reading, "evidence", status?.evidenceMode ?? "s4u2self"),
        directoryFact(reading, "userAccountControl", "TRUSTED_TO_AUTH_FOR_DELEGATION not set"),
      ],
      effect: `Nobody can move machines away from ${name} unless signed in on it.`,
      remedies: [
        ...(kind === "waybill"
          ? [advice("Set evidence: auto in its configuration; the directory stays as it is.")]
          : []),
        remedyOf(
          view,
          `Let ${account.samAccountName} use any authentication protocol.`,
          draft.diffs(),
          false,
        ),
      ],
    });
  }
  if (kind === "waybill" && status?.evidenceMode !== "s4u2self" && any) {
    const draft = new PlanDraft(view);
    draft.setFlag(account, "trustedToAuthForDelegation", false);
    add("notice", {
      cause: `${name} works with the person's own ticket (evidence: ${status?.evidenceMode ?? "auto"}), but its account may use any authentication protocol (TRUSTED_TO_AUTH_FOR_DELEGATION).`,
      evidence: [
        fact(reading, "Waybill_HostStatus.EvidenceMode", status?.evidenceMode ?? "auto"),
        directoryFact(reading, "userAccountControl", "TRUSTED_TO_AUTH_FOR_DELEGATION"),
      ],
      effect: `Whoever takes ${name} over can act for people who are not there, for nothing: migrations do not need it.`,
      remedies: [remedyOf(view, `Let ${account.samAccountName} use Kerberos only.`, draft.diffs(), false)],
    });
  }
  const granted = view.tokenSids(account).some((sid) => trustees.has(sid));
  if (settings.enabled && settings.authentication === "kerberos" && list.length === 0 && !granted) {
    add("warning", {
      cause: `${name} migrates with Kerberos, but ${account.samAccountName} may act towards nobody (msDS-AllowedToDelegateTo is empty, and nobody lets it act).`,
      evidence: [
        fact(reading, "AuthenticationType", "Kerberos"),
        directoryFact(reading, "msDS-AllowedToDelegateTo", "(absent)"),
      ],
      effect: `Machines can be moved away from ${name} only by people signed in on it.`,
      remedies: [advice(`waybill delegation allow --from ${shortNameOf(account)} --to <host>`)],
    });
  }
  return found;
}
