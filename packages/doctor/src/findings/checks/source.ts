import { factOf } from "@waybill/kdc";
import { advice } from "../../repair/remedy.ts";
import { type Examination, enumerate } from "../examination.ts";
import type { Evidence, Finding } from "../finding.ts";

/** What the source of the directory hid or garbled. */
export function checkSource(examination: Examination): Finding[] {
  const { hosts, people, request, view } = examination;
  const hidden = [...hosts, ...people, view.krbtgt].filter(({ unreadable }) => unreadable.size > 0);
  const found: Finding[] = [];
  if (hidden.length > 0) {
    const attributes = [...new Set(hidden.flatMap(({ unreadable }) => [...unreadable]))].sort();
    found.push(
      examination.finding("attributes-unreadable", {
        cause: `${enumerate(attributes, 9)} of ${enumerate(hidden.map(({ samAccountName }) => samAccountName))} could not be read.`,
        evidence: hidden
          .slice(0, 20)
          .map((account) => factOf(account, [...account.unreadable].sort().join(", "), "(unreadable)")),
        effect:
          "Predictions about them are uncertain: what could not be read was not assumed to be empty, and may decide otherwise.",
        remedies: [
          advice("Read the directory as somebody who may see these attributes, or export them too."),
        ],
      }),
    );
  }
  const problems = request.problems ?? [];
  if (problems.length > 0) {
    const evidence: Evidence[] = problems
      .slice(0, 20)
      .map(({ where, text }) => ({ object: where, account: "", attribute: "", value: text }));
    found.push(
      examination.finding("source-damaged", {
        cause: `${problems.length} ${problems.length === 1 ? "part" : "parts"} of the source could not be read as meant; the first: ${problems[0]?.where ?? ""}: ${problems[0]?.text ?? ""}.`,
        evidence,
        effect: "What is missing from the source is missing from these findings.",
        remedies: [advice("Export again, and check that the file arrived whole.")],
      }),
    );
  }
  return found;
}

/** What somebody who takes over a host could do, in numbers. */
export function checkReach(examination: Examination): Finding[] {
  const { view, hosts, exposure: summary } = examination;
  const isHost = new Set(hosts.map(({ sid }) => sid));
  const reaching = summary.exposures.filter(({ sid, people }) => people !== undefined && isHost.has(sid));
  if (reaching.length === 0) return [];
  const byAccount = new Map(reaching.map((one) => [one.account, one]));
  return [
    examination.finding("impersonation-reach", {
      cause:
        `${byAccount.size} of ${hosts.length} hosts (${enumerate([...byAccount.keys()])}) can act for ${summary.delegable} ` +
        `of ${summary.people} people who are not there (any protocol, or resource-based delegation).`,
      evidence: reaching.slice(0, 20).map(({ account, sid, towards, kind }) => ({
        object: view.bySid(sid)?.dn ?? sid,
        account,
        attribute:
          kind === "resource-based" ? "msDS-AllowedToActOnBehalfOfOtherIdentity" : "msDS-AllowedToDelegateTo",
        value: `${kind}: towards ${enumerate(towards ?? ["everything"])}`,
      })),
      effect:
        "Whoever takes over one of them is any of those people on every service of the accounts it may delegate to: the service name in a ticket is not protected, so one entry opens the whole account.",
      remedies: [
        advice('Mark those who administer more than hosts as "sensitive and cannot be delegated".'),
        advice(
          "Use Waybill hosts, which work with the person's own ticket: with Kerberos only, no host can act for somebody who is not there.",
        ),
      ],
    }),
  ];
}
