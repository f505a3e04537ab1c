import { type Account, type DirectoryView, hasFlag } from "@waybill/directory";
import { escapeServiceName } from "@waybill/kdc";
import { DoctorError } from "../errors.ts";
import { findHost } from "../model/find-account.ts";
import { type MigrationService, targetNames } from "../model/service-names.ts";
import { type PredictionContext, type PredictionSettings, predictionContext } from "../prediction/facts.ts";
import { trusteesOf } from "./attribute-diff.ts";
import { exposure } from "./exposure.ts";
import type { Plan } from "./plan.ts";
import { PlanDraft } from "./plan-draft.ts";

export interface RevokeRequest extends PredictionSettings {
  readonly view: DirectoryView;
  readonly from: string | Account;
  /** Towards everything unless told. */
  readonly to?: string | Account | undefined;
}

/** Takes delegation between two hosts away, classic and resource-based, and the flag when nothing needs it any more. */
export function planRevoke(request: RevokeRequest): Plan {
  const { view } = request;
  const context = predictionContext(view, request);
  const source = findHost(view, request.from);
  const draft = new PlanDraft(view);
  const gone = request.to === undefined ? undefined : findHost(view, request.to);
  if (gone === undefined) draft.removeEntries(source, () => true);
  else {
    const names = new Set(gone.servicePrincipalNames.map((spn) => plainName(spn)));
    for (const { spn } of targetNames(gone, view.domain, ["migration", "storage"], ["full", "short"]))
      names.add(plainName(spn));
    draft.removeEntries(source, (spn) => names.has(plainName(spn)));
  }
  for (const account of gone === undefined ? view.accounts() : [gone]) {
    if (trusteesOf(account.allowedToActOnBehalfOf).includes(source.sid)) draft.revoke(account, [source.sid]);
  }
  if (draft.list(source).length === 0) draft.setFlag(source, "trustedToAuthForDelegation", false);
  return finished(context, draft, source, "as asked for");
}

export interface ConvertRequest extends PredictionSettings {
  readonly view: DirectoryView;
  readonly host: string | Account;
  /** classic or resource-based; or, for classic delegation, any protocol or Kerberos only. */
  readonly into: "classic" | "resource-based" | "any-protocol" | "kerberos-only";
}

/**
 * Turns one way of delegating into another, for the same pairs of hosts.
 *
 * @throws DoctorError UNKNOWN_HOST, PLAN_IMPOSSIBLE
 */
export function planConvert(request: ConvertRequest): Plan {
  const { view, into } = request;
  const context = predictionContext(view, request);
  const host = findHost(view, request.host);
  const draft = new PlanDraft(view);
  const obstacles: string[] = [];
  if (into === "any-protocol" || into === "kerberos-only") {
    draft.setFlag(host, "trustedToAuthForDelegation", into === "any-protocol");
    if (into === "any-protocol") {
      draft.opens(
        host,
        "userAccountControl",
        `${host.samAccountName} can act for everyone who is neither sensitive nor in Protected Users, without them being there, towards whatever it may delegate to.`,
      );
    }
  } else if (into === "resource-based") toResource(context, draft, host, obstacles);
  else toClassic(context, draft, host);
  return {
    ...finished(context, draft, host, `converted to ${into}`),
    obstacles,
    complete: obstacles.length === 0,
  };
}

function toResource(context: PredictionContext, draft: PlanDraft, host: Account, obstacles: string[]): void {
  const { view, profile } = context;
  if (!profile.resourceBasedDelegation) {
    throw new DoctorError(`this KDC (${profile.name}) ignores resource-based delegation`, {
      code: "PLAN_IMPOSSIBLE",
      family: "caller",
      remedy: "Keep classic delegation, or use a newer KDC.",
    });
  }
  const moved = new Set<string>();
  for (const spn of host.allowedToDelegateTo) {
    const [owner, second] = view.spnOwners(spn.replaceAll("\\", "")).accounts;
    if (owner === undefined || second !== undefined) {
      obstacles.push(
        `"${spn}" cannot be converted: ${owner === undefined ? "no account has" : "several accounts have"} that name.`,
      );
      continue;
    }
    moved.add(spn);
    draft.grant(owner, host);
    draft.opens(
      owner,
      "msDS-AllowedToActOnBehalfOfOtherIdentity",
      `${host.samAccountName} can act towards every service of ${owner.samAccountName}, also for people who are not there.`,
    );
  }
  draft.removeEntries(host, (spn) => moved.has(spn));
  // With an empty list S4U2Self tickets are forwardable without it.
  if (draft.list(host).length === 0) draft.setFlag(host, "trustedToAuthForDelegation", false);
}

function toClassic({ view, profile }: PredictionContext, draft: PlanDraft, host: Account): void {
  const services: readonly MigrationService[] = ["migration", "storage"];
  for (const account of view.accounts()) {
    if (!trusteesOf(account.allowedToActOnBehalfOf).includes(host.sid)) continue;
    for (const { spn } of targetNames(account, view.domain, services, ["full", "short"]))
      draft.addEntry(host, profile.escapedServiceNames ? escapeServiceName(spn) : spn);
    draft.revoke(account, [host.sid]);
    draft.opens(
      host,
      "msDS-AllowedToDelegateTo",
      `${host.samAccountName} can act towards every service of ${account.samAccountName} for people who show it a ticket.`,
    );
  }
}

function finished(context: PredictionContext, draft: PlanDraft, source: Account, why: string): Plan {
  const { view, profile } = context;
  const any = hasFlag(draft.flags(source), "trustedToAuthForDelegation");
  const mode = draft.list(source).length === 0 ? "resource-based" : any ? "any-protocol" : "kerberos-only";
  return {
    diffs: draft.diffs(),
    modes: [{ source: source.samAccountName, mode, why }],
    obstacles: [],
    exposureBefore: exposure(view, profile),
    exposureAfter: exposure(draft.view(), profile),
    predictions: [],
    complete: true,
  };
}

function plainName(spn: string): string {
  return spn.replaceAll("\\", "").toLowerCase();
}

/** One account's delegation settings in words. */
export interface DelegationSetting {
  readonly account: string;
  readonly kind:
    | "unconstrained"
    | "any-protocol"
    | "kerberos-only"
    | "resource-based"
    | "protocol-transition-only";
  /** Service name, or the account that grants. */
  readonly towards: string;
  /** Whether the name is registered; always so for accounts. */
  readonly exists: boolean;
}

/** Every delegation there is in a directory; of one account when it is named. */
export function delegationSettings(view: DirectoryView, of?: string | Account): DelegationSetting[] {
  const only = of === undefined ? undefined : findHost(view, of);
  const settings: DelegationSetting[] = [];
  const wanted = (sid: string): boolean => only === undefined || only.sid === sid;
  for (const account of view.accounts()) {
    const { samAccountName: name, sid } = account;
    const uac = account.userAccountControl;
    if (wanted(sid)) {
      if (hasFlag(uac, "trustedForDelegation"))
        settings.push({ account: name, kind: "unconstrained", towards: "everything", exists: true });
      const any = hasFlag(uac, "trustedToAuthForDelegation");
      const kind = any ? "any-protocol" : "kerberos-only";
      for (const spn of account.allowedToDelegateTo) {
        const exists =
          view.spnOwners(spn).accounts.length > 0 ||
          view.spnOwners(spn.replaceAll("\\", "")).accounts.length > 0;
        settings.push({ account: name, kind, towards: spn, exists });
      }
      if (any && account.allowedToDelegateTo.length === 0)
        settings.push({ account: name, kind: "protocol-transition-only", towards: "nothing", exists: true });
    }
    for (const trustee of trusteesOf(account.allowedToActOnBehalfOf)) {
      if (!wanted(trustee) && !wanted(sid)) continue;
      const who = view.bySid(trustee)?.samAccountName ?? view.groupBySid(trustee)?.samAccountName;
      settings.push({
        account: who ?? trustee,
        kind: "resource-based",
        towards: name,
        exists: who !== undefined,
      });
    }
  }
  return settings;
}
