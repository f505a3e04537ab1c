import {
  type Account,
  type DirectoryView,
  hasFlag,
  spnKey,
  WellKnownRid,
  WellKnownSid,
} from "@waybill/directory";
import type { KdcProfile } from "@waybill/kdc";
import { findHost, findPerson } from "../model/find-account.ts";
import { keepsCallersTickets, migrationHosts } from "../model/host-kind.ts";
import { fullNameOf, type MigrationService, shortNameOf } from "../model/service-names.ts";
import { type PredictionContext, type PredictionSettings, predictionContext } from "../prediction/facts.ts";
import type { EvidenceMode, StartKind } from "../prediction/story.ts";
import { concernsDelegation, type ExposureSummary, exposureOf, peopleCounter } from "../repair/exposure.ts";
import { docsOf, type FindingId, findingKinds } from "./catalogue.ts";
import type { Evidence, Finding } from "./finding.ts";

export interface ExamineRequest extends PredictionSettings {
  readonly view: DirectoryView;
  /** Hosts in question; computers that registered the migration service unless told. */
  readonly hosts?: readonly (string | Account)[] | undefined;
  /** Who operates them; Hyper-V Administrators and Domain Admins unless told. */
  readonly people?: readonly (string | Account)[] | undefined;
  readonly services?: readonly MigrationService[] | undefined;
  readonly evidence?: EvidenceMode | "auto" | undefined;
  /** How the moves of the matrix start; "remote" unless told. */
  readonly start?: StartKind | undefined;
  /** The server in between, for `via-management-server`. */
  readonly managementServer?: string | Account | undefined;
  /** Ordered pairs that should work; all pairs of few hosts, or those with any setting of many, unless told. */
  readonly pairs?: readonly { readonly from: string | Account; readonly to: string | Account }[] | undefined;
  /** Server or file the view was read from. */
  readonly readFrom?: string | undefined;
  /**
   * Security descriptors of hosts by SID, read apart from the view. When given, a host without one counts as hidden;
   * otherwise only descriptors in the view itself are looked at.
   */
  readonly descriptors?: ReadonlyMap<string, Uint8Array> | undefined;
  /** What the source said about itself while it was read. */
  readonly problems?: readonly { readonly where: string; readonly text: string }[] | undefined;
}

/** What every check looks at, worked out once. */
export interface Examination {
  readonly view: DirectoryView;
  readonly context: PredictionContext;
  readonly profile: KdcProfile;
  readonly hosts: readonly Account[];
  readonly people: readonly Account[];
  readonly services: readonly MigrationService[];
  readonly request: ExamineRequest;
  /** Accounts that have to do with delegation: they have service names, or settings of it. */
  readonly accounts: readonly Account[];
  /** How many accounts there are in all. */
  readonly accountCount: number;
  readonly exposure: ExposureSummary;
  /** Accounts by service name, as registered, in lower case. */
  readonly owners: ReadonlyMap<string, readonly Account[]>;
  /** Hosts by each of their names, in lower case. */
  readonly hostByName: ReadonlyMap<string, Account>;
  /** Whether a host started from elsewhere has to use S4U2Self. */
  transitions(host: Account): boolean;
  /** A finding with what its kind fixes filled in. */
  finding(
    id: FindingId,
    parts: Omit<Finding, "id" | "severity" | "docs"> & Partial<Pick<Finding, "severity">>,
  ): Finding;
}

export function examinationOf(request: ExamineRequest): Examination {
  const { readFrom } = request;
  const context = predictionContext(request.view, request);
  const { view } = context;
  const { profile } = context;
  const accounts: Account[] = [];
  const population = peopleCounter(view, profile);
  let accountCount = 0;
  for (const account of view.accounts()) {
    accountCount++;
    population.add(account);
    if (concernsDelegation(account)) accounts.push(account);
  }
  const hosts = request.hosts?.map((host) => findHost(view, host)) ?? migrationHosts(view, accounts);
  const people = request.people?.map((person) => findPerson(view, person)) ?? operators(view);
  const owners = new Map<string, Account[]>();
  for (const account of accounts) {
    for (const spn of account.servicePrincipalNames) {
      const key = spnKey(spn);
      const known = owners.get(key);
      if (known === undefined) owners.set(key, [account]);
      else if (!known.includes(account)) known.push(account);
    }
  }
  const { evidence = "auto" } = request;
  return {
    view,
    context,
    profile,
    hosts,
    people,
    services: request.services ?? ["migration", "storage"],
    request,
    accounts,
    accountCount,
    exposure: exposureOf(view, profile, accounts, population.counted()),
    owners,
    hostByName: new Map(
      hosts.flatMap((host) => [
        [shortNameOf(host).toLowerCase(), host],
        [fullNameOf(host, view.domain).toLowerCase(), host],
      ]),
    ),
    transitions: (host) => (evidence === "auto" ? !keepsCallersTickets(view, host) : evidence === "s4u2self"),
    finding: (id, parts) => ({
      id,
      severity: findingKinds[id].severity,
      docs: docsOf(id),
      ...parts,
      evidence: parts.evidence.map(
        (fact): Evidence =>
          readFrom === undefined || fact.readFrom !== undefined ? fact : { ...fact, readFrom },
      ),
    }),
  };
}

/** Enabled people in the groups that operate hosts. */
export function operators(view: DirectoryView): Account[] {
  const groups = [
    view.groupBySid(WellKnownSid.hyperVAdministrators),
    view.groupBySid(`${view.domain.sid}-${WellKnownRid.domainAdmins}`),
  ];
  const people = new Map<string, Account>();
  for (const group of groups) {
    if (group === undefined) continue;
    for (const account of view.membersOf(group)) {
      if (account.kind === "user" && !hasFlag(account.userAccountControl, "accountDisable"))
        people.set(account.sid, account);
    }
  }
  return [...people.values()].sort((left, right) => (left.samAccountName < right.samAccountName ? -1 : 1));
}

/** `a, b, c and 4 more`. */
export function enumerate(names: readonly string[], most = 5): string {
  if (names.length <= most) {
    return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1) ?? ""}`;
  }
  return `${names.slice(0, most).join(", ")} and ${names.length - most} more`;
}
