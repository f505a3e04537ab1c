import type { Account } from "@waybill/directory";
import { factOf, spellingInList } from "@waybill/kdc";
import { findHost } from "../../model/find-account.ts";
import { targetNames } from "../../model/service-names.ts";
import { trusteesOf } from "../../repair/attribute-diff.ts";
import { plan } from "../../repair/plan.ts";
import { type Remedy, remedyOf } from "../../repair/remedy.ts";
import { type Examination, enumerate } from "../examination.ts";
import type { Finding } from "../finding.ts";

/** Of so many hosts every pair is taken to be wanted; of more, only those with any setting. */
const meshLimit = 8;

interface Pair {
  readonly from: Account;
  readonly to: Account;
  /** Names of the destination that the source may act towards. */
  readonly open: readonly string[];
  readonly closed: readonly string[];
}

/** What is missing between hosts: everything, some services or names, one direction. */
export function checkPairs(examination: Examination): Finding[] {
  const wanted = wantedPairs(examination);
  const pairs = new Map(wanted.map((pair) => [key(pair.from, pair.to), pair]));
  const bySource = new Map<string, Pair[]>();
  for (const pair of wanted) bySource.set(pair.from.sid, [...(bySource.get(pair.from.sid) ?? []), pair]);
  const found: Finding[] = [];
  for (const group of bySource.values()) {
    const [first] = group;
    if (first === undefined) continue;
    const { from } = first;
    const half = group.filter(({ open, closed }) => open.length > 0 && closed.length > 0);
    const none = group.filter(({ open }) => open.length === 0);
    const back = (pair: Pair): boolean => (pairs.get(key(pair.to, pair.from))?.open.length ?? 0) > 0;
    found.push(...incomplete(examination, from, half));
    found.push(...missing(examination, from, none.filter(back), "delegation-one-way"));
    found.push(
      ...missing(
        examination,
        from,
        none.filter((pair) => !back(pair)),
        "delegation-missing",
      ),
    );
  }
  return found;
}

function incomplete(examination: Examination, from: Account, pairs: readonly Pair[]): Finding[] {
  if (pairs.length === 0) return [];
  const name = from.samAccountName;
  const lacking = pairs.flatMap(({ closed }) => closed);
  const hosts = pairs.map(({ to }) => to.samAccountName);
  return [
    examination.finding("delegation-incomplete", {
      cause: `${name} may delegate to ${enumerate(hosts)}, but not to ${enumerate(
        lacking.map((spn) => `"${spn}"`),
        4,
      )} (msDS-AllowedToDelegateTo).`,
      evidence: lacking
        .slice(0, 20)
        .map((spn) => factOf(from, "msDS-AllowedToDelegateTo", `no entry ${spn}`)),
      effect: `Moves from ${name} to ${enumerate(hosts)} depend on how the destination is named and on whether storage moves too.`,
      remedies: remedies(examination, pairs, true),
    }),
  ];
}

function missing(
  examination: Examination,
  from: Account,
  pairs: readonly Pair[],
  id: "delegation-one-way" | "delegation-missing",
): Finding[] {
  if (pairs.length === 0) return [];
  const name = from.samAccountName;
  const hosts = enumerate(pairs.map(({ to }) => to.samAccountName));
  const empty = from.allowedToDelegateTo.length === 0;
  return [
    examination.finding(id, {
      cause:
        id === "delegation-one-way"
          ? `${hosts} may act towards ${name}, but ${name} may not act towards ${pairs.length === 1 ? "it" : "them"}: msDS-AllowedToDelegateTo of ${name} ${empty ? "is empty" : "has no such entries"}, and no msDS-AllowedToActOnBehalfOfOtherIdentity there names it.`
          : `${name} may not act for anybody towards ${hosts}: msDS-AllowedToDelegateTo of ${name} ${empty ? "is empty" : "has no such entries"}, and no msDS-AllowedToActOnBehalfOfOtherIdentity there names it.`,
      evidence: [
        factOf(
          from,
          "msDS-AllowedToDelegateTo",
          empty ? "(empty)" : `${from.allowedToDelegateTo.length} entries, none of these`,
        ),
      ],
      effect: `Nobody can move machines from ${name} to ${hosts}${id === "delegation-one-way" ? ", not even back" : ""}, except while signed in on ${name}.`,
      remedies: remedies(examination, pairs, false),
    }),
  ];
}

function remedies(
  { view, services, request, profile, context }: Examination,
  pairs: readonly Pair[],
  automatic: boolean,
): Remedy[] {
  const proposal = plan({
    view,
    pairs,
    services,
    profile,
    now: context.now,
    evidence: request.evidence,
  });
  if (proposal.diffs.length === 0) return [];
  const [first] = pairs;
  const hosts = enumerate(pairs.map(({ to }) => to.samAccountName));
  const summary = `Let ${first?.from.samAccountName ?? ""} act towards ${hosts} (${proposal.modes.map(({ mode, why }) => `${mode}: ${why}`).join("; ")}).`;
  return [remedyOf(view, summary, proposal.diffs, automatic && proposal.obstacles.length === 0)];
}

function wantedPairs(examination: Examination): Pair[] {
  const { hosts, view, request } = examination;
  const pairOf = (from: Account, to: Account): Pair => ({ from, to, ...openNames(examination, from, to) });
  if (request.pairs !== undefined)
    return request.pairs.map(({ from, to }) => pairOf(findHost(view, from), findHost(view, to)));
  if (hosts.length <= meshLimit)
    return hosts.flatMap((from) => hosts.filter((to) => to !== from).map((to) => pairOf(from, to)));
  const pairs = new Map<string, Pair>();
  const add = (from: Account, to: Account): void => {
    if (from.sid !== to.sid && !pairs.has(key(from, to))) pairs.set(key(from, to), pairOf(from, to));
  };
  const bySid = new Map(hosts.map((host) => [host.sid, host]));
  for (const host of hosts) {
    for (const spn of host.allowedToDelegateTo) {
      const [, name = ""] = spn.split("/");
      const to = examination.hostByName.get(name.replace(/:.*$/, "").toLowerCase());
      if (to !== undefined) {
        add(host, to);
        add(to, host);
      }
    }
    for (const sid of trusteesOf(host.allowedToActOnBehalfOf)) {
      const from = bySid.get(sid);
      if (from === undefined) continue;
      add(from, host);
      add(host, from);
    }
  }
  return [...pairs.values()];
}

function openNames(
  { view, services, profile }: Examination,
  from: Account,
  to: Account,
): { open: string[]; closed: string[] } {
  const granted = profile.resourceBasedDelegation && grantsTo(view.tokenSids(from), to);
  const open: string[] = [];
  const closed: string[] = [];
  for (const { spn } of targetNames(to, view.domain, services, ["full", "short"])) {
    const listed = spellingInList(from.allowedToDelegateTo, spn, profile) === "listed";
    (granted || listed ? open : closed).push(spn);
  }
  return { open, closed };
}

function grantsTo(token: readonly string[], { allowedToActOnBehalfOf }: Account): boolean {
  const trustees = trusteesOf(allowedToActOnBehalfOf);
  return token.some((sid) => trustees.includes(sid));
}

function key(from: Account, to: Account): string {
  return `${from.sid} ${to.sid}`;
}
