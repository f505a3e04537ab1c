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
import type { TargetName } from "../model/service-names.ts";
import type { PredictionContext } from "../prediction/facts.ts";
import { managementNameOf } from "../prediction/predict.ts";
import type { EvidenceMode } from "../prediction/story.ts";
import { delegationAttributes } from "./attribute-diff.ts";
import type { PlanDraft } from "./plan-draft.ts";
import type { PlanMode } from "./plan-mode.ts";

/** What every step of a plan for one source host works on. */
export interface PlanSetup {
  readonly context: PredictionContext;
  readonly draft: PlanDraft;
  readonly source: Account;
  readonly evidence: EvidenceMode;
  readonly obstacles: string[];
  readonly mayEdit: boolean;
}

/** The KDC must find the destination under every name it is asked for. */
export function repairNames(
  { context, draft, obstacles }: PlanSetup,
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

/** Classic delegation: the source lists the names of the destination. */
export function listTargets(
  { context, draft, source, evidence }: PlanSetup,
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

/** Resource-based delegation: the destination names the source. */
export function grantOnResource(
  { context, draft, source, obstacles }: PlanSetup,
  destination: Account,
): void {
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
export function reachSource(setup: PlanSetup, server: Account, mode: PlanMode | undefined): void {
  const { context, source, mayEdit } = setup;
  const asServer: PlanSetup = { ...setup, source: server, evidence: "ticket" };
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
export function allowTransition(
  { context, draft, source, obstacles, mayEdit }: PlanSetup,
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
