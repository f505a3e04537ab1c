import { hasFlag } from "@waybill/directory";
import { factOf } from "@waybill/kdc";
import { trusteesOf } from "../../repair/attribute-diff.ts";
import { PlanDraft } from "../../repair/plan-draft.ts";
import { advice, remedyOf } from "../../repair/remedy.ts";
import { type Examination, enumerate } from "../examination.ts";
import type { Finding } from "../finding.ts";

/** Hosts that must use S4U2Self but get tickets from it that cannot be used: the seed, and its resource-based form. */
export function checkTransition(examination: Examination): Finding[] {
  const { view, hosts, accounts, profile } = examination;
  const grantors = new Map<string, string[]>();
  for (const account of accounts) {
    for (const sid of trusteesOf(account.allowedToActOnBehalfOf))
      grantors.set(sid, [...(grantors.get(sid) ?? []), account.samAccountName]);
  }
  const found: Finding[] = [];
  const isHost = new Set(hosts.map(({ sid }) => sid));
  for (const account of accounts) {
    const list = account.allowedToDelegateTo;
    if (hasFlag(account.userAccountControl, "trustedToAuthForDelegation")) continue;
    const towards = grantors.get(account.sid) ?? [];
    if (list.length === 0) continue;
    const name = account.samAccountName;
    const evidence = [
      factOf(account, "userAccountControl", "TRUSTED_TO_AUTH_FOR_DELEGATION not set"),
      factOf(account, "msDS-AllowedToDelegateTo", enumerate(list, 3)),
    ];
    const trust = new PlanDraft(view);
    trust.setFlag(account, "trustedToAuthForDelegation", true);
    trust.opens(
      account,
      "userAccountControl",
      `${name} can act for everyone who is neither sensitive nor in Protected Users, without them being there, towards whatever it may delegate to.`,
    );
    const setFlag = remedyOf(
      view,
      `Set TRUSTED_TO_AUTH_FOR_DELEGATION ("Use any authentication protocol") on ${name}.`,
      trust.diffs(),
      false,
    );
    if (towards.length > 0 && profile.resourceBasedDelegation) {
      const empty = new PlanDraft(view);
      empty.removeEntries(account, () => true);
      found.push(
        examination.finding("resource-grant-defeated", {
          cause:
            `${enumerate(towards)} let ${name} act for others (msDS-AllowedToActOnBehalfOfOtherIdentity), but S4U2Self ` +
            `tickets of ${name} are not forwardable, because its msDS-AllowedToDelegateTo is not empty while it lacks ` +
            "TRUSTED_TO_AUTH_FOR_DELEGATION (userAccountControl 0x1000000 is off).",
          evidence,
          effect: `${name} can act towards ${enumerate(towards)} only for people who show it a ticket of their own; migrations started remotely fail on Windows hosts.`,
          remedies: [
            remedyOf(
              view,
              `Empty msDS-AllowedToDelegateTo of ${name}: the ${list.length} classic entries stop working.`,
              empty.diffs(),
              false,
            ),
            setFlag,
          ],
        }),
      );
    }
    if (!isHost.has(account.sid) || !examination.transitions(account)) continue;
    found.push(
      examination.finding("protocol-transition-off", {
        cause:
          `${name} lacks TRUSTED_TO_AUTH_FOR_DELEGATION (userAccountControl 0x1000000 is off) while its ` +
          `msDS-AllowedToDelegateTo is not empty, so its S4U2Self tickets are not forwardable ("Use Kerberos only").`,
        evidence,
        effect: `Nobody can move machines away from ${name} when started remotely; moves started while signed in on ${name} work.`,
        remedies: [
          advice(
            "Start migrations while signed in on the source host, or let a Waybill host use the person's own ticket (evidence: ticket); nothing has to change in the directory.",
          ),
          setFlag,
        ],
      }),
    );
  }
  return found;
}
