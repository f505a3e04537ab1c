import type { Account } from "@waybill/directory";
import { escapeServiceName, factOf, serviceDecision } from "@waybill/kdc";
import { targetNames } from "../../model/service-names.ts";
import { PlanDraft } from "../../repair/plan-draft.ts";
import { remedyOf } from "../../repair/remedy.ts";
import { type Examination, enumerate } from "../examination.ts";
import type { Finding } from "../finding.ts";
import { hostPart } from "./entries.ts";

/** Service names of hosts: missing, on several accounts, on the wrong one, in a spelling the KDC does not see. */
export function checkServiceNames(examination: Examination): Finding[] {
  return [
    ...examination.hosts.flatMap((host) => missing(examination, host)),
    ...duplicates(examination),
    ...misplaced(examination),
  ];
}

function missing(examination: Examination, host: Account): Finding[] {
  const { view, profile, services } = examination;
  const attribute = "servicePrincipalName";
  const unknown: string[] = [];
  const unescaped: string[] = [];
  for (const { spn } of targetNames(host, view.domain, services, ["full", "short"])) {
    const found = serviceDecision(view, spn, profile);
    if (found.allowed) continue;
    if (found.reasons[0].id === "service-unknown") unknown.push(spn);
    if (found.reasons[0].id === "service-name-escaped") unescaped.push(spn);
  }
  const name = host.samAccountName;
  const found: Finding[] = [];
  const add = (spns: readonly string[]): ReturnType<typeof remedyOf> => {
    const draft = new PlanDraft(view);
    for (const spn of spns) draft.addName(host, spn);
    return remedyOf(
      view,
      `Register ${enumerate(spns.map((spn) => `"${spn}"`))} on ${name}.`,
      draft.diffs(),
      true,
    );
  };
  if (unknown.length > 0) {
    const needed = profile.escapedServiceNames
      ? unknown.flatMap((spn) => distinct(spn, escapeServiceName(spn)))
      : unknown;
    found.push(
      examination.finding("service-name-missing", {
        cause: `${name} lacks ${enumerate(unknown.map((spn) => `"${spn}"`))} among its ${attribute} values.`,
        evidence: [factOf(host, attribute, `${host.servicePrincipalNames.length} names, none of these`)],
        effect: `Nobody can move machines to ${name} under ${unknown.length === 1 ? "that name" : "those names"}: the KDC does not know the service (KDC_ERR_S_PRINCIPAL_UNKNOWN). On Hyper-V, event 14050 tells when registering failed.`,
        remedies: [add(needed)],
      }),
    );
  }
  if (unescaped.length > 0) {
    found.push(
      examination.finding("service-name-escaped", {
        cause: `${name} has ${enumerate(unescaped.map((spn) => `"${spn}"`))} as ${attribute}, which this KDC (${profile.name}) finds only with the spaces escaped.`,
        evidence: unescaped.map((spn) => factOf(host, attribute, spn)),
        effect: `Nobody can move machines to ${name}: the KDC answers KDC_ERR_S_PRINCIPAL_UNKNOWN for a name that is plainly there.`,
        remedies: [add(unescaped.map(escapeServiceName))],
      }),
    );
  }
  return found;
}

function duplicates(examination: Examination): Finding[] {
  const { owners, view } = examination;
  const found: Finding[] = [];
  for (const [, accounts] of owners) {
    const [first, second] = accounts;
    if (first === undefined || second === undefined) continue;
    const spn = sharedName(first, second);
    const rightful = examination.hostByName.get(hostPart(spn));
    const draft = new PlanDraft(view);
    for (const account of accounts) if (account.sid !== rightful?.sid) draft.removeName(account, spn);
    found.push(
      examination.finding("service-name-duplicate", {
        cause: `"${spn}" is a servicePrincipalName of ${enumerate(accounts.map(({ samAccountName }) => samAccountName))} at once.`,
        evidence: accounts.slice(0, 20).map((account) => factOf(account, "servicePrincipalName", spn)),
        effect: "The KDC issues no ticket for that name to anybody (KDC_ERR_S_PRINCIPAL_UNKNOWN).",
        remedies:
          rightful === undefined
            ? []
            : [remedyOf(view, `Keep "${spn}" on ${rightful.samAccountName} only.`, draft.diffs(), false)],
      }),
    );
  }
  return found;
}

function misplaced(examination: Examination): Finding[] {
  const { owners, hostByName, view } = examination;
  const found: Finding[] = [];
  for (const [key, accounts] of owners) {
    const [holder, second] = accounts;
    const host = hostByName.get(hostPart(key));
    if (holder === undefined || second !== undefined || host === undefined || holder.sid === host.sid)
      continue;
    if (!decisive.has(key.slice(0, key.indexOf("/")).replaceAll("\\", ""))) continue;
    const spn = holder.servicePrincipalNames.find((name) => name.toLowerCase() === key) ?? key;
    const draft = new PlanDraft(view);
    draft.removeName(holder, spn);
    draft.addName(host, spn);
    found.push(
      examination.finding("service-name-misplaced", {
        cause: `"${spn}" names ${host.samAccountName} but is a servicePrincipalName of ${holder.samAccountName}.`,
        evidence: [factOf(holder, "servicePrincipalName", spn)],
        effect: `Tickets for ${host.samAccountName} are made with the key of ${holder.samAccountName}: ${host.samAccountName} answers "The target principal name is incorrect" (0x80090322).`,
        remedies: [
          remedyOf(
            view,
            `Move "${spn}" from ${holder.samAccountName} to ${host.samAccountName}.`,
            draft.diffs(),
            false,
          ),
        ],
      }),
    );
  }
  return found;
}

const decisive: ReadonlySet<string> = new Set([
  "microsoft virtual system migration service",
  "cifs",
  "host",
  "wsman",
  "http",
]);

function sharedName(first: Account, second: Account): string {
  const names = new Set(second.servicePrincipalNames.map((spn) => spn.toLowerCase()));
  return first.servicePrincipalNames.find((spn) => names.has(spn.toLowerCase())) ?? "";
}

function distinct(...names: readonly string[]): string[] {
  return [...new Set(names)];
}
