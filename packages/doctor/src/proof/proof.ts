import type { Exchange, Prediction } from "../prediction/story.ts";

/** What a KDC really answered. Nothing of the ticket itself is kept. */
export interface RealAnswer {
  readonly decision: "granted" | "refused";
  readonly flags: readonly "forwardable"[];
  readonly errorCode?: string | undefined;
  readonly ntStatus?: string | undefined;
  /** No exchange was made: the person's ticket was there already. */
  readonly held?: true | undefined;
}

export type ProofVerdict =
  | "agrees"
  | "differs"
  /** Nobody had a key or ticket to ask with, or no KDC answered. */
  | "not-tried";

/** One exchange as predicted, and as it was. */
export interface ProofStep {
  readonly predicted: Exchange;
  readonly verdict: ProofVerdict;
  readonly real?: RealAnswer | undefined;
  /** Why it was not tried, or what else could make the difference. */
  readonly note?: string | undefined;
}

/** A prediction beside the real exchanges. */
export interface Proof {
  readonly prediction: Prediction;
  readonly steps: readonly ProofStep[];
  /** "agrees": every exchange was made and answered as predicted. */
  readonly verdict: ProofVerdict | "partly";
}

export function proofOf(prediction: Prediction, steps: readonly ProofStep[]): Proof {
  const has = (verdict: ProofVerdict): boolean => steps.some((step) => step.verdict === verdict);
  const verdict = has("differs")
    ? "differs"
    : !has("not-tried")
      ? "agrees"
      : has("agrees")
        ? "partly"
        : "not-tried";
  return { prediction, steps, verdict };
}

/** How many exchanges of some proofs came to what; one that several moves share counts once. */
export function countSteps(proofs: readonly Proof[]): Readonly<Record<ProofVerdict, number>> {
  const seen = new Set<string>();
  const counts = { agrees: 0, differs: 0, "not-tried": 0 };
  for (const proof of proofs) {
    for (const { predicted, verdict } of proof.steps) {
      const key = [proof.prediction.evidence, ...exchangeKey(predicted), verdict].join("\n");
      if (!seen.has(key)) counts[verdict]++;
      seen.add(key);
    }
  }
  return counts;
}

/** What makes two exchanges the same question. */
export function exchangeKey({ kind, by, client, service }: Exchange): string[] {
  return [kind, by, client, service];
}

/** `granted, forwardable`; `refused, KDC_ERR_BADOPTION, STATUS_ACCOUNT_RESTRICTION`. */
export function answerWords({
  decision,
  flags,
  errorCode,
  ntStatus,
}: Pick<RealAnswer, "decision" | "flags" | "errorCode" | "ntStatus">): string {
  return decision === "refused"
    ? ["refused", errorCode, ntStatus].filter((word) => word !== undefined).join(", ")
    : `granted, ${flags.includes("forwardable") ? "forwardable" : "not forwardable"}`;
}
