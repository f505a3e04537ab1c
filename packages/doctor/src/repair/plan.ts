import type { Account, DirectoryView } from "@waybill/directory";
import { findHost } from "../model/find-account.ts";
import { type MigrationService, type NameSpelling, targetNames } from "../model/service-names.ts";
import { type PredictionSettings, predictionContext } from "../prediction/facts.ts";
import { evidenceModeOf, managementServerOf, predictIn } from "../prediction/predict.ts";
import type { EvidenceMode, Prediction, StartKind } from "../prediction/story.ts";
import type { AttributeDiff } from "./attribute-diff.ts";
import { type ExposureSummary, exposure } from "./exposure.ts";
import { PlanDraft } from "./plan-draft.ts";
import { type ChosenMode, chooseMode, type PlanMode } from "./plan-mode.ts";
import {
  allowTransition,
  grantOnResource,
  listTargets,
  type PlanSetup,
  reachSource,
  repairNames,
} from "./plan-steps.ts";

export interface WantedPair {
  readonly from: string | Account;
  readonly to: string | Account;
}

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
  readonly modes: readonly ChosenMode[];
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
  const mayEdit = request.mayEditComputers ?? true;
  const modes = new Map<string, ChosenMode>();
  const bySource = groupPairs(view, request.pairs);
  const server = managementServerOf(view, request, request.start ?? "remote");
  for (const { source, destinations } of bySource.values()) {
    const evidence = evidenceModeOf(view, source, request.start ?? "remote", request.evidence);
    const mode = chooseMode(source, evidence, request.mode ?? "auto", mayEdit);
    modes.set(source.sid, mode);
    const setup: PlanSetup = {
      context,
      draft,
      source,
      evidence,
      obstacles,
      mayEdit,
    };
    for (const destination of destinations) {
      const targets = targetNames(destination, view.domain, services, spellings);
      repairNames(setup, destination, targets);
      if (mode.mode === "resource-based") grantOnResource(setup, destination);
      else listTargets(setup, destination, targets);
    }
    // Whoever asks for any protocol gets it, also where the host could do with less.
    const transitions = evidence === "s4u2self" || request.mode === "any-protocol";
    if (transitions && mode.mode !== "kerberos-only") allowTransition(setup, destinations, mode.mode);
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
