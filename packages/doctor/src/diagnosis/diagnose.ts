import type { Account, DirectoryView } from "@waybill/directory";
import type { Reason } from "@waybill/kdc";
import { docsOf, type FindingId, findingKinds, findingOfReason } from "../findings/catalogue.ts";
import type { Evidence, Finding } from "../findings/finding.ts";
import { type PredictRequest, predict } from "../prediction/predict.ts";
import { causeOf, startPhrase } from "../prediction/sentence.ts";
import type { Exchange, Prediction } from "../prediction/story.ts";
import { plan } from "../repair/plan.ts";
import { type Remedy, remedyOf, remedyOfChange } from "../repair/remedy.ts";
import { withKrbtgt } from "../repair/view-after.ts";

export interface DiagnoseRequest extends Omit<PredictRequest, "source" | "destination"> {
  readonly from: string | Account;
  readonly to: string | Account;
  /** Whether the reader may change classic delegation; decides which remedy comes first. */
  readonly mayEditComputers?: boolean | undefined;
  /** Server or file the view was read from, for the evidence. */
  readonly readFrom?: string | undefined;
}

export interface Diagnosis {
  readonly prediction: Prediction;
  /** What stops exactly this move, the decisive one first. Empty when it works. */
  readonly findings: readonly Finding[];
}

/**
 * Why one person's migration from one host to another fails, and what repairs it.
 *
 * @example
 * const { findings } = diagnose({ view, person: "alice", from: "kvm01", to: "kvm02" });
 * console.log(findings[0]?.cause);
 */
export function diagnose(request: DiagnoseRequest): Diagnosis {
  const view = withKrbtgt(request.view);
  const prediction = predict({ ...request, source: request.from, destination: request.to });
  const findings = new Map<string, Finding>();
  for (const exchange of prediction.exchanges) {
    if (exchange.decision !== "refused") continue;
    const reasons = independentReasons(prediction, exchange);
    for (const reason of reasons) {
      const id = findingIdOf(prediction, exchange, reason);
      if (id === undefined || findings.has(id)) continue;
      findings.set(id, toFinding({ view, request, prediction, exchange, reason, id }));
    }
  }
  return { prediction, findings: [...findings.values()] };
}

/** Causes, not effects: that evidence is not forwardable is told by why it is not. */
function independentReasons(prediction: Prediction, exchange: Exchange): Reason[] {
  const decisive = prediction.reason === undefined ? [] : [prediction.reason];
  const own = exchange.reasons.filter(({ id }) => id !== "evidence-not-forwardable");
  if (exchange.reasons[0]?.id !== "evidence-not-forwardable") {
    // Of two ways to delegate one is enough: what is missing in the other is no second fault.
    const [stated, ...rest] = own;
    const first = decisive.find(({ id }) => own.some((reason) => reason.id === id)) ?? stated;
    const missing: ReadonlySet<string> = new Set(missingReasons);
    const also = rest.filter(({ id }) => !missing.has(id));
    return first === undefined ? decisive : [first, ...also];
  }
  const evidence = prediction.exchanges.find(
    ({ kind, reasons }) => (kind === "s4u2self" || kind === "service-ticket") && reasons.length > 0,
  );
  return [...decisive, ...(evidence?.reasons ?? []), ...own];
}

const missingReasons = [
  "delegation-not-configured",
  "target-not-listed",
  "resource-grants-nobody",
  "resource-does-not-grant",
  "resource-delegation-unsupported",
] as const;

function findingIdOf(prediction: Prediction, exchange: Exchange, reason: Reason): FindingId | undefined {
  if (reason.id === "kerberos-only" && exchange.target !== undefined) {
    const grantOnly = exchange.reasons.every(({ id }) => id !== "target-not-listed");
    const listed = prediction.exchanges.some(({ via }) => via === "classic");
    if (!grantOnly && !listed) return "protocol-transition-off";
  }
  if (exchange.kind === "host-login") return "host-cannot-sign-in";
  if ((missingReasons as readonly string[]).includes(reason.id) && prediction.outcome === "depends-on-name")
    return "delegation-incomplete";
  return findingOfReason[reason.id];
}

interface Diagnosed {
  readonly view: DirectoryView;
  readonly request: DiagnoseRequest;
  readonly prediction: Prediction;
  readonly exchange: Exchange;
  readonly reason: Reason;
  readonly id: FindingId;
}

function toFinding({ view, request, prediction, exchange, reason, id }: Diagnosed): Finding {
  const withReason = { ...prediction, reason };
  const shown = exchange.reasons.some(({ id: own }) => own === reason.id)
    ? { ...exchange, reasons: [reason, ...exchange.reasons] }
    : exchange;
  const cause = causeOf(withReason, shown);
  return {
    id,
    severity: findingKinds[id].severity === "critical" ? "critical" : "error",
    // Names stay as they are.
    cause: `${cause.startsWith(prediction.person) ? cause : `${cause.charAt(0).toUpperCase()}${cause.slice(1)}`}.`,
    evidence: evidenceOf(view, reason, prediction, request.readFrom),
    effect:
      `${prediction.person} ${prediction.outcome === "fails" ? "can move nothing" : "cannot always move machines"} from ` +
      `${prediction.source} to ${prediction.destination} ${startPhrase(prediction)}.`,
    remedies: remediesFor(view, request, prediction, reason),
    docs: docsOf(id),
  };
}

function evidenceOf(
  view: DirectoryView,
  reason: Reason,
  prediction: Prediction,
  readFrom: string | undefined,
): Evidence[] {
  const facts = reason.fact === undefined ? [] : [reason.fact];
  if (reason.id === "kerberos-only") {
    const source = view.bySam(prediction.source);
    const [first = "", ...rest] = source?.allowedToDelegateTo ?? [];
    facts.push({
      object: source?.dn ?? "",
      account: prediction.source,
      attribute: "msDS-AllowedToDelegateTo",
      value: rest.length === 0 ? first : `${first} and ${rest.length} more`,
    });
  }
  return facts.map((fact) => (readFrom === undefined ? fact : { ...fact, readFrom }));
}

function remediesFor(
  view: DirectoryView,
  request: DiagnoseRequest,
  prediction: Prediction,
  reason: Reason,
): Remedy[] {
  const proposal = plan({
    ...request,
    pairs: [{ from: prediction.source, to: prediction.destination }],
    services: prediction.services,
    people: [prediction.person],
    evidence: prediction.start === "at-source" ? request.evidence : prediction.evidence,
  });
  const helps = proposal.diffs.length > 0 && proposal.predictions.every(({ works }) => works);
  const whole = helps
    ? [remedyOf(view, summaryOf(proposal), proposal.diffs, proposal.obstacles.length === 0)]
    : [];
  const single = reason.lifts.map((change) => remedyOfChange(view, change));
  const known = new Set(whole.map(({ ldif }) => ldif));
  return [...whole, ...single.filter(({ ldif }) => ldif === "" || !known.has(ldif))];
}

function summaryOf(proposal: ReturnType<typeof plan>): string {
  const changes = proposal.diffs.map(
    ({ account, attribute, lines }) => `${attribute} of ${account} (${lines.join(", ")})`,
  );
  return `Change ${changes.join(" and ")}.`;
}
