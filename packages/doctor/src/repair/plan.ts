import {
  AccessMask,
  type Account,
  accessCheck,
  type DirectoryView,
  type Domain,
  decodeSecurityDescriptor,
  hasFlag,
} from "@waybill/directory";
import { escapeServiceName, type KdcProfile, s4u2selfForwardable, serviceDecision } from "@waybill/kdc";
import { findHost } from "../model/find-account.ts";
import {
  type MigrationService,
  type NameSpelling,
  type TargetName,
  targetNames,
} from "../model/service-names.ts";
import { type PredictionContext, type PredictionSettings, predictionContext } from "../prediction/facts.ts";
import { evidenceModeOf, managementNameOf, managementServerOf, predictIn } from "../prediction/predict.ts";
import type { EvidenceMode, Prediction, StartKind } from "../prediction/story.ts";
import { type AttributeDiff, delegationAttributes } from "./attribute-diff.ts";
import { type ExposureSummary, exposure } from "./exposure.ts";
import { PlanDraft } from "./plan-draft.ts";

export interface WantedPair {
  readonly from: string | Account;
  readonly to: string | Account;
}

/** How delegation is set up. "auto": the least that works for each source host. */
export type PlanMode =
  | "auto"
  /** "Use Kerberos only": entries, no flag. Enough for hosts that show the person's own ticket. */
  | "kerberos-only"
  /** "Use any authentication protocol": entries and TRUSTED_TO_AUTH_FOR_DELEGATION. */
  | "any-protocol"
  /** On the destination; needs no right over the source host's account. */
  | "resource-based";

export interface PlanRequest extends PredictionSettings {
  readonly view: DirectoryView;
  /** Ordered pairs of hosts; both directions are two pairs. */
  readonly pairs: readonly WantedPair[];
  readonly mode?: PlanMode | undefined;
  /** What the source hosts show as evidence; "auto" looks into the directory. */
  readonly evidence?: EvidenceMode | "auto" | undefined;
  /** Whether whoever applies the plan may change classic delegation (SeEnableDelegationPrivilege); `true` unless told. */
  readonly mayEditComputers?: boolean | undefined;
  /** "migration" and "storage" unless told. */
  readonly services?: readonly MigrationService[] | undefined;
  readonly spellings?: readonly NameSpelling[] | undefined;
  /** Also take away TRUSTED_TO_AUTH_FOR_DELEGATION where the wanted pairs do not need it. */
  readonly tighten?: boolean | undefined;
  /** For whom the result is predicted. */
  readonly people?: readonly (string | Account)[] | undefined;
  readonly start?: StartKind | undefined;
  /** The server in between, for `via-management-server`: it must be able to act towards the sources. */
  readonly managementServer?: string | Account | undefined;
}

export interface Plan {
  /** Empty when nothing has to change. */
  readonly diffs: readonly AttributeDiff[];
  readonly modes: readonly {
    readonly source: string;
    readonly mode: Exclude<PlanMode, "auto">;
    readonly why: string;
  }[];
  /** What the plan cannot do, and why; one sentence each. */
  readonly obstacles: readonly string[];
  readonly exposureBefore: ExposureSummary;
  readonly exposureAfter: ExposureSummary;
  /** For each person and pair, after the plan. */
  readonly predictions: readonly Prediction[];
  /** Every pair works for every person it was predicted for. */
  readonly complete: boolean;
}

/** Both directions between all of some hosts. */
export function meshPairs(hosts: readonly (string | Account)[]): WantedPair[] {
  return hosts.flatMap((from) => hosts.filter((to) => to !== from).map((to) => ({ from, to })));
}

/**
 * The smallest change that lets the wanted pairs work, with the least privilege: Kerberos-only where the source shows
 * the person's own ticket, any protocol where it must use S4U2Self, resource-based where computer accounts may not be
 * edited. Nothing is written.
 *
 * @throws DoctorError UNKNOWN_HOST, UNKNOWN_PERSON, MANAGEMENT_SERVER_NEEDED
 */
export function plan(request: PlanRequest): Plan {
  const context = predictionContext(request.view, request);
  const { view } = context;
  const services = request.services ?? ["migration", "storage"];
  const spellings = request.spellings ?? ["full", "short"];
  const draft = new PlanDraft(view);
  const obstacles: string[] = [];
  const modes = new Map<string, Plan["modes"][number]>();
  const bySource = groupPairs(view, request.pairs);
  const server = managementServerOf(view, request, request.start ?? "remote");
  for (const { source, destinations } of bySource.values()) {
    const evidence = evidenceModeOf(view, source, request.start ?? "remote", request.evidence);
    const mode = chooseMode(source, evidence, request);
    modes.set(source.sid, mode);
    const setup: Setup = {
      context,
      draft,
      source,
      evidence,
      obstacles,
      mayEdit: request.mayEditComputers ?? true,
    };
    for (const destination of destinations) {
      const targets = targetNames(destination, view.domain, services, spellings);
      repairNames(setup, destination, targets);
      if (mode.mode === "resource-based") grantOnResource(setup, destination);
      else listTargets(setup, destination, targets);
    }
    if (evidence === "s4u2self" && mode.mode !== "kerberos-only")
      allowTransition(setup, destinations, mode.mode);
    if (evidence === "s4u2self" && mode.mode === "kerberos-only") {
      obstacles.push(
        `${source.samAccountName} uses S4U2Self, for which "Use Kerberos only" is not enough: migrations started ` +
          "elsewhere will fail unless the host can show the person's own ticket.",
      );
    }
    if (server !== undefined && server.sid !== source.sid) reachSource(setup, server, request.mode);
    if (request.tighten === true && mode.mode === "kerberos-only")
      draft.setFlag(source, "trustedToAuthForDelegation", false);
  }
  const diffs = draft.diffs();
  const after = draft.view();
  let before: ExposureSummary | undefined;
  let later: ExposureSummary | undefined;
  const afterContext = predictionContext(after, { ...request, now: context.now });
  const predictions = (request.people ?? []).flatMap((person) =>
    [...bySource.values()].flatMap(({ source, destinations }) =>
      destinations.map((destination) =>
        predictIn(afterContext, {
          view: after,
          person: typeof person === "string" ? person : person.sid,
          source: source.sid,
          destination: destination.sid,
          start: request.start,
          managementServer: server?.sid,
          evidence: request.evidence,
          services,
          spellings,
        }),
      ),
    ),
  );
  return {
    diffs,
    modes: [...modes.values()],
    obstacles,
    // Worked out when asked for: plans are made by the hundred to say what would help.
    get exposureBefore() {
      before ??= exposure(view, context.profile);
      return before;
    },
    get exposureAfter() {
      later ??= exposure(after, context.profile);
      return later;
    },
    predictions,
    complete: obstacles.length === 0 && predictions.every(({ works }) => works),
  };
}

interface Setup {
  readonly context: PredictionContext;
  readonly draft: PlanDraft;
  readonly source: Account;
  readonly evidence: EvidenceMode;
  readonly obstacles: string[];
  readonly mayEdit: boolean;
}

function groupPairs(
  view: DirectoryView,
  pairs: readonly WantedPair[],
): Map<string, { source: Account; destinations: Account[] }> {
  const bySource = new Map<string, { source: Account; destinations: Account[] }>();
  for (const { from, to } of pairs) {
    const source = findHost(view, from);
    const destination = findHost(view, to);
    if (source.sid === destination.sid) continue;
    const group = bySource.get(source.sid) ?? { source, destinations: [] };
    if (!group.destinations.some(({ sid }) => sid === destination.sid)) group.destinations.push(destination);
    bySource.set(source.sid, group);
  }
  return bySource;
}

function chooseMode(
  source: Account,
  evidence: EvidenceMode,
  { mode = "auto", mayEditComputers = true }: PlanRequest,
): Plan["modes"][number] {
  const name = source.samAccountName;
  if (mode !== "auto") return { source: name, mode, why: "as asked for" };
  if (!mayEditComputers) {
    const why = "the source host's account may not be changed, the destination's may";
    return { source: name, mode: "resource-based", why };
  }
  if (evidence === "ticket")
    return { source: name, mode: "kerberos-only", why: "the host shows the person's own ticket" };
  return {
    source: name,
    mode: "any-protocol",
    why: "the host cannot reach the person's ticket and uses S4U2Self",
  };
}

/** The KDC must find the destination under every name it is asked for. */
function repairNames(
  { context, draft, obstacles }: Setup,
  destination: Account,
  targets: readonly TargetName[],
): void {
  for (const { spn } of targets) {
    const found = serviceDecision(context.view, spn, context.profile);
    if (found.allowed && found.account.sid === destination.sid) continue;
    if (found.allowed) {
      obstacles.push(
        `"${spn}" belongs to ${found.account.samAccountName}, not to ${destination.samAccountName}: remove it there first.`,
      );
      continue;
    }
    const { id, sentence } = found.reasons[0];
    if (id === "service-name-duplicate") {
      obstacles.push(`${sentence} Remove it from all but ${destination.samAccountName} first.`);
      continue;
    }
    // Storage is covered by HOST where there is one.
    draft.addName(destination, escapedIfNeeded(spn, context.profile));
  }
}

function escapedIfNeeded(spn: string, profile: KdcProfile): string {
  return profile.escapedServiceNames ? escapeServiceName(spn) : spn;
}

function listTargets(
  { context, draft, source, evidence }: Setup,
  destination: Account,
  targets: readonly TargetName[],
): void {
  const { profile, view } = context;
  if (
    profile.resourceBasedDelegation &&
    evidence === "ticket" &&
    resourceGrants(view, source, destination.allowedToActOnBehalfOf)
  )
    return;
  for (const { spn } of targets) {
    const entry = escapedIfNeeded(spn, profile);
    if (draft.hasEntry(source, entry)) continue;
    draft.addEntry(source, entry);
    draft.opens(
      source,
      delegationAttributes.list,
      `${source.samAccountName} can act towards every service of ${destination.samAccountName} for people who ` +
        "show it a forwardable ticket (the service name in a ticket is not protected).",
    );
  }
}

function grantOnResource({ context, draft, source, obstacles }: Setup, destination: Account): void {
  if (!context.profile.resourceBasedDelegation) {
    obstacles.push(
      `This KDC (${context.profile.name}) ignores resource-based delegation: use classic delegation, or a newer KDC.`,
    );
    return;
  }
  if (resourceGrants(context.view, source, draft.descriptor(destination))) return;
  draft.grant(destination, source);
  draft.opens(
    destination,
    delegationAttributes.resource,
    `${source.samAccountName} can act towards every service of ${destination.samAccountName} for everyone who is ` +
      "neither sensitive nor in Protected Users, also for people who are not there.",
  );
  if (!resourceGrants(context.view, source, draft.descriptor(destination))) {
    obstacles.push(
      `The delegation descriptor of ${destination.samAccountName} denies ${source.samAccountName} through a group: ` +
        "take that entry out first.",
    );
  }
}

/** A management server shows the person's own ticket to itself, so that Kerberos only is enough for it. */
function reachSource(setup: Setup, server: Account, mode: PlanMode | undefined): void {
  const { context, source, mayEdit } = setup;
  const asServer: Setup = { ...setup, source: server, evidence: "ticket" };
  const spn = managementNameOf(context.view, source);
  const target: TargetName = { service: "migration", spelling: "full", spn };
  if (!context.view.spnOwners(spn).accounts.some(({ sid }) => sid === source.sid))
    repairNames(asServer, source, [target]);
  if (mode === "resource-based" || !mayEdit) grantOnResource(asServer, source);
  else listTargets(asServer, source, [target]);
}

/** Whether the destination's descriptor lets the source act. */
function resourceGrants(view: DirectoryView, source: Account, descriptor: Uint8Array | undefined): boolean {
  if (descriptor === undefined) return false;
  try {
    const parsed = decodeSecurityDescriptor(descriptor);
    return parsed.dacl !== undefined && accessCheck(parsed, view.tokenSids(source), AccessMask.controlAccess);
  } catch {
    return false;
  }
}

/** S4U2Self must give a forwardable ticket for somebody who is not protected. */
function allowTransition(
  { context, draft, source, obstacles, mayEdit }: Setup,
  destinations: readonly Account[],
  mode: "any-protocol" | "resource-based",
): void {
  const { view } = context;
  const service = {
    ...source,
    allowedToDelegateTo: draft.list(source),
    userAccountControl: draft.flags(source),
  };
  const { forwardable, reasons } = s4u2selfForwardable({
    domain: view.domain,
    krbtgt: view.krbtgt,
    service,
    user: { account: somebody(view.domain), groupSids: [] },
    forwardableRequested: true,
    serviceTgtForwardable: true,
    profile: context.profile,
  });
  const needsFlag = reasons.some(({ id }) => id === "kerberos-only" || id === "not-trusted-to-authenticate");
  const wantsFlag =
    mode === "any-protocol" && !hasFlag(service.userAccountControl, "trustedToAuthForDelegation");
  for (const { id, sentence } of reasons) if (id === "krbtgt-sensitive") obstacles.push(sentence);
  if (forwardable && !wantsFlag) return;
  if (!needsFlag && !wantsFlag) return;
  if (mode === "resource-based" && !mayEdit) {
    obstacles.push(
      `${source.samAccountName} has ${service.allowedToDelegateTo.length} classic delegation entries without ` +
        "TRUSTED_TO_AUTH_FOR_DELEGATION, which takes the forwardable flag from its S4U2Self tickets and defeats " +
        "resource-based delegation too: have the entries removed, or the flag set.",
    );
    return;
  }
  draft.setFlag(source, "trustedToAuthForDelegation", true);
  draft.opens(
    source,
    delegationAttributes.flags,
    `${source.samAccountName} can act for everyone who is neither sensitive nor in Protected Users, without them being ` +
      `there, towards ${destinations.map(({ samAccountName }) => samAccountName).join(", ")} and whatever else it may delegate to.`,
  );
}

/** A person with nothing special about them. */
function somebody(domain: Domain): Account {
  return {
    kind: "user",
    dn: `CN=somebody,CN=Users,${domain.dn}`,
    sid: `${domain.sid}-0`,
    samAccountName: "somebody",
    servicePrincipalNames: [],
    userAccountControl: 0x200,
    primaryGroupId: 513,
    badPasswordCount: 0,
    logonCount: 0,
    allowedToDelegateTo: [],
    keySets: [],
    kvno: 0,
    unreadable: new Set(),
  };
}
