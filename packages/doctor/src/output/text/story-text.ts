import { questionOf } from "../../prediction/question.ts";
import type { Exchange, Prediction } from "../../prediction/story.ts";
import { answerWords, type Proof, type ProofStep } from "../../proof/proof.ts";
import { guarded, type Palette, plainPalette, printable } from "./palette.ts";

/** Every exchange of one migration, its flags, the decision and the named reason; with a proof, what the KDC really said. */
export function storyText(prediction: Prediction, colours: Palette = plainPalette, proof?: Proof): string {
  const palette = guarded(colours);
  const lines = prediction.exchanges.map((exchange, index) => {
    const refused = exchange.decision === "refused";
    const mark = refused ? palette.bad("refused") : palette.good("granted");
    return [
      `  ${mark}  ${printable(questionOf(exchange))}${notesOf(exchange)}`,
      ...reasonLines(exchange, palette),
      ...proofLines(proof?.steps[index], palette),
    ].join("\n");
  });
  const verdict = prediction.works ? palette.good(prediction.sentence) : palette.bad(prediction.sentence);
  const unsure = prediction.uncertain.map(({ account, attribute }) =>
    palette.warn(`  not certain: ${attribute} of ${account} could not be read`),
  );
  return [verdict, ...lines, ...unsure].join("\n");
}

function notesOf({ decision, flags, via, errorCode, ntStatus }: Exchange): string {
  if (decision === "refused") return `: ${errorCode ?? ""}${ntStatus === undefined ? "" : `, ${ntStatus}`}`;
  const notes = [
    flags.includes("forwardable") ? "forwardable" : "not forwardable",
    ...(via === undefined ? [] : [via]),
  ];
  return `: ${notes.join(", ")}`;
}

function reasonLines({ reasons }: Exchange, palette: Palette): string[] {
  return reasons.map(({ id, sentence }) => palette.faint(`             ${sentence} [${id}]`));
}

function proofLines(step: ProofStep | undefined, palette: Palette): string[] {
  if (step === undefined) return [];
  const { verdict, real, note } = step;
  const remark = note === undefined ? "" : ` (${note})`;
  if (verdict === "not-tried" || real === undefined)
    return [palette.warn(`             not tried: ${note ?? "no key and no ticket"}`)];
  return verdict === "agrees"
    ? [palette.good(`             proved: ${answerWords(real)}${remark}`)]
    : [palette.bad(`             DIFFERS: the KDC answered "${answerWords(real)}"${remark}`)];
}
