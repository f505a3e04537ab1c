import type { Account, DirectoryView } from "@waybill/directory";
import type { DirectoryFact, Reason } from "@waybill/kdc";
import { DoctorError } from "../errors.ts";
import { findHost, findPerson } from "../model/find-account.ts";
import { keepsCallersTickets } from "../model/host-kind.ts";
import {
  fullNameOf,
  type MigrationService,
  managementServiceClass,
  type NameSpelling,
  shortNameOf,
  type TargetName,
  targetNames,
} from "../model/service-names.ts";
import { predictLogin, predictS4uProxy, predictS4uSelf, predictServiceTicket } from "./exchanges.ts";
import { type PredictionContext, type PredictionSettings, predictionContext } from "./facts.ts";
import { tellOutcome } from "./sentence.ts";
import type { EvidenceMode, Exchange, Outcome, Prediction, StartKind } from "./story.ts";

export interface PredictRequest extends PredictionSettings {
  readonly view: DirectoryView;
  /** Account name, UPN, SID or DN. */
  readonly person: string | Account;
  /** Computer account or full DNS name. */
  readonly source: string | Account;
  readonly destination: string | Account;
  /** "remote" unless told. */
  readonly start?: StartKind | undefined;
  /** The server in between, for `via-management-server`. */
  readonly managementServer?: string | Account | undefined;
  /** "auto" (by what the directory says of the host) unless told; a host nothing is known of counts as Windows. */
  readonly evidence?: EvidenceMode | "auto" | undefined;
  /** What moves; "migration" (the memory) unless told. Storage needs "storage" too. */
  readonly services?: readonly MigrationService[] | undefined;
  /** How the destination is named; both ways unless told. */
  readonly spellings?: readonly NameSpelling[] | undefined;
}

/**
 * What the KDC will say to each request of one migration, and why, by the same policy the KDC runs.
 *
 * @throws DoctorError UNKNOWN_PERSON, UNKNOWN_HOST, MANAGEMENT_SERVER_NEEDED
 * @example
 * const story = predict({ view, person: "alice", source: "kvm01", destination: "kvm02" });
 * if (!story.works) console.log(story.sentence, story.lifts);
 */
export function predict(request: PredictRequest): Prediction {
  return predictIn(predictionContext(request.view, request), request);
}

/** The same with facts shared between many predictions over one state of a directory. */
export function predictIn(context: PredictionContext, request: PredictRequest): Prediction {
  const { view } = context;
  const person = findPerson(view, request.person);
  const source = findHost(view, request.source);
  const destination = findHost(view, request.destination);
  const { start = "remote", services = ["migration"], spellings = ["full", "short"] } = request;
  const server = managementServerOf(view, request, start);
  const evidence = evidenceModeOf(view, source, start, request.evidence);
  const targets = targetNames(destination, view.domain, services, spellings);
  const approach = approachDestination(context, { person, source, server, start, evidence });
  const exchanges = [...approach.exchanges];
  for (const target of targets) {
    const last = exchangeWithTarget(context, approach, { person, source, start }, target);
    if (last !== undefined) exchanges.push(last);
  }
  const outcome = outcomeOf(exchanges, services, spellings);
  const failed = outcome === "works" ? undefined : decisiveExchange(exchanges);
  const reason = failed === undefined ? undefined : decisiveReason(exchanges, failed);
  const told = {
    person: person.samAccountName,
    source: source.samAccountName,
    destination: destination.samAccountName,
    start,
    evidence: start === "at-source" ? ("ticket" as const) : evidence,
    ...(server === undefined ? {} : { managementServer: server.samAccountName }),
    services,
    profile: context.profile.name,
    outcome,
    works: outcome === "works",
    exchanges,
    reason,
    lifts: reason?.lifts ?? [],
    identity: start !== "at-source" && evidence === "s4u2self" ? ("asserted" as const) : ("proved" as const),
    uncertain: distinctFacts(exchanges.flatMap((exchange) => exchange.uncertain)),
  };
  return { ...told, sentence: tellOutcome(told, failed) };
}

/** The evidence a host has, by how the migration starts and what the directory says of the host. */
export function evidenceModeOf(
  view: DirectoryView,
  source: Account,
  start: StartKind,
  wanted: EvidenceMode | "auto" = "auto",
): EvidenceMode {
  if (wanted !== "auto") return wanted;
  return start === "at-source" || keepsCallersTickets(view, source) ? "ticket" : "s4u2self";
}

export interface Movement {
  readonly person: Account;
  readonly source: Account;
  readonly server?: Account | undefined;
  readonly start: StartKind;
  readonly evidence: EvidenceMode;
}

/** Everything up to the point where the destination comes into play. */
export interface Approach {
  readonly exchanges: readonly Exchange[];
  /** What the source host shows for the person, or at the source the person's login; `undefined`: it ended before. */
  readonly proof: Exchange | undefined;
}

/** The part of a migration's exchanges that does not depend on the destination. */
export function approachDestination(context: PredictionContext, movement: Movement): Approach {
  const { person, source, start, evidence } = movement;
  const exchanges: Exchange[] = [];
  const add = (exchange: Exchange): Exchange | undefined => {
    exchanges.push(exchange);
    return exchange.decision === "granted" ? exchange : undefined;
  };
  const login = add(predictLogin(context, person, "login"));
  if (login === undefined || start === "at-source") return { exchanges, proof: login };
  const shown = arrive(context, login, movement, add);
  const host = shown && add(predictLogin(context, source, "host-login"));
  if (host === undefined) return { exchanges, proof: undefined };
  const proof = evidence === "ticket" ? shown : add(predictS4uSelf(context, host, source, person));
  return { exchanges, proof };
}

/** The last request, for one of the destination's names; `undefined` when it never comes to that. */
export function exchangeWithTarget(
  context: PredictionContext,
  { proof }: Approach,
  { person, source, start }: Pick<Movement, "person" | "source" | "start">,
  target: TargetName,
): Exchange | undefined {
  if (proof === undefined) return undefined;
  return start === "at-source"
    ? predictServiceTicket(context, proof, target.spn, target)
    : predictS4uProxy(context, proof, source, person, target.spn, target);
}

/** How the person's request reaches the source host; `undefined` when it does not. */
function arrive(
  context: PredictionContext,
  login: Exchange,
  { person, source, server }: Movement,
  add: (exchange: Exchange) => Exchange | undefined,
): Exchange | undefined {
  const name = managementNameOf(context.view, source);
  if (server === undefined) return add(predictServiceTicket(context, login, name));
  const front = add(predictServiceTicket(context, login, `HTTP/${fullNameOf(server, context.view.domain)}`));
  const serverLogin = front && add(predictLogin(context, server, "host-login"));
  return front && serverLogin && add(predictS4uProxy(context, front, server, person, name));
}

/**
 * What a host's management service is asked for as: WSMAN where registered; Windows' own clients also ask for HTTP,
 * which every HOST name covers.
 */
export function managementNameOf(view: DirectoryView, host: Account): string {
  const full = fullNameOf(host, view.domain);
  const names = [
    `${managementServiceClass}/${full}`,
    `${managementServiceClass}/${shortNameOf(host)}`,
    `HTTP/${full}`,
  ];
  const known = names.find((name) => view.spnOwners(name).accounts.some(({ sid }) => sid === host.sid));
  return known ?? `${managementServiceClass}/${full}`;
}

export function managementServerOf(
  view: DirectoryView,
  request: Pick<PredictRequest, "managementServer">,
  start: StartKind,
): Account | undefined {
  if (start !== "via-management-server") return undefined;
  if (request.managementServer !== undefined) return findHost(view, request.managementServer);
  throw new DoctorError("a migration through a management server needs to know which one", {
    code: "MANAGEMENT_SERVER_NEEDED",
    family: "caller",
    remedy: "Name the management server's computer account.",
  });
}

export function outcomeOf(
  exchanges: readonly Exchange[],
  services: readonly MigrationService[],
  spellings: readonly NameSpelling[],
): Outcome {
  const granted = (service: MigrationService, spelling: NameSpelling): boolean =>
    exchanges.some(
      ({ target, decision }) =>
        decision === "granted" && target?.service === service && target.spelling === spelling,
    );
  const good = spellings.filter((spelling) => services.every((service) => granted(service, spelling)));
  if (good.length === spellings.length) return "works";
  return good.length > 0 ? "depends-on-name" : "fails";
}

function decisiveExchange(exchanges: readonly Exchange[]): Exchange | undefined {
  return exchanges.find(({ decision }) => decision === "refused");
}

/** That evidence is not forwardable is an effect: the reason is why it is not. */
function decisiveReason(exchanges: readonly Exchange[], failed: Exchange): Reason | undefined {
  const [first] = failed.reasons;
  if (first?.id === "resource-grants-nobody") {
    // Where neither way is set up, the classic list is what people look for.
    return (
      failed.reasons.find(({ id }) => id === "delegation-not-configured" || id === "target-not-listed") ??
      first
    );
  }
  if (first?.id !== "evidence-not-forwardable") return first;
  const reasons = evidenceBefore(exchanges, failed)?.reasons ?? [];
  // What protects the person comes first: no setting of a host lifts it.
  return (
    reasons.find(({ id }) => id === "user-sensitive" || id === "user-protected") ??
    reasons[0] ??
    failed.reasons[1] ??
    first
  );
}

/** The ticket that an S4U2Proxy request shows. */
export function evidenceBefore(exchanges: readonly Exchange[], proxy: Exchange): Exchange | undefined {
  const before = exchanges.slice(0, exchanges.indexOf(proxy));
  return before.findLast(
    ({ kind, target, decision }) =>
      decision === "granted" && target === undefined && kind !== "login" && kind !== "host-login",
  );
}

function distinctFacts(facts: readonly DirectoryFact[]): DirectoryFact[] {
  return [...new Map(facts.map((fact) => [`${fact.object}\n${fact.attribute}`, fact])).values()];
}
