import type { DirectoryView } from "@waybill/directory";
import { docsOf, findingKinds } from "../findings/catalogue.ts";
import type { Finding } from "../findings/finding.ts";
import { questionOf } from "../prediction/question.ts";
import { advice } from "../repair/remedy.ts";
import { answerWords, exchangeKey, type Proof, type ProofStep } from "./proof.ts";

/** Every exchange that was answered otherwise than predicted, with both stories. */
export function proofFindings(view: DirectoryView, proofs: readonly Proof[], readFrom?: string): Finding[] {
  const differing = new Map<string, { readonly step: ProofStep; readonly proof: Proof }>();
  for (const proof of proofs) {
    for (const step of proof.steps) {
      const key = exchangeKey(step.predicted).join("\n");
      if (step.verdict === "differs" && !differing.has(key)) differing.set(key, { step, proof });
    }
  }
  return [...differing.values()].map(({ step, proof }) => findingOf(view, step, proof, readFrom));
}

function findingOf(
  view: DirectoryView,
  { predicted, real, note }: ProofStep,
  { prediction }: Proof,
  readFrom: string | undefined,
): Finding {
  const question = questionOf(predicted);
  const told = answerWords(predicted);
  const said = real === undefined ? "" : answerWords(real);
  const why = predicted.reasons[0]?.sentence;
  const fact = {
    object: view.bySam(predicted.by)?.dn ?? predicted.by,
    account: predicted.by,
    attribute: question,
  };
  return {
    id: "prediction-differs",
    severity: findingKinds["prediction-differs"].severity,
    cause:
      `${question}: predicted (as ${prediction.profile}) was "${told}"${why === undefined ? "" : ` because ${why.charAt(0).toLowerCase()}${why.slice(1).replace(/\.$/, "")}`}, ` +
      `but the KDC answered "${said}"${note === undefined ? "" : ` (${note})`}.`,
    evidence: [
      { ...fact, value: `predicted: ${told}`, ...(readFrom === undefined ? {} : { readFrom }) },
      { ...fact, value: `real: ${said}`, readFrom: real?.held === true ? "the ticket held" : "the KDC" },
    ],
    effect: `What is said about moves of ${prediction.person} from ${prediction.source} to ${prediction.destination} cannot be relied on until this is cleared up.`,
    remedies: [
      advice(
        "Compare the domain controllers (waybill doctor --dc): the one that answered may not have what was read from another yet.",
        {
          powershell: ["repadmin /showrepl", "repadmin /syncall /AdeP"],
          sambaTool: ["samba-tool drs showrepl"],
        },
      ),
      advice(
        "Sign in again and restart the host's service: tickets from before a change go on saying what was true then.",
      ),
      advice(
        `If the KDC is not what ${prediction.profile} stands for, say which it is (--profile); if it is, the prediction is wrong: report it with the two answers above.`,
      ),
    ],
    docs: docsOf("prediction-differs"),
  };
}
