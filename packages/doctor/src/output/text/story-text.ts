import { questionOf } from "../../prediction/question.ts";
import type { Exchange, Prediction } from "../../prediction/story.ts";
import { answerWords, type Proof, type ProofStep } from "../../proof/proof.ts";
import { type GuardedPalette, guarded, type Palette, plainPalette, printable } from "./palette.ts";

/** What stands before a question: `refused` and two spaces. */
const verdictWidth = 9;
/** Under the question. */
const beneath = " ".repeat(verdictWidth + 4);

/** Every exchange of one migration, its flags, the decision and the named reason; with a proof, what the KDC really said. */
export function storyText(prediction: Prediction, colours: Palette = plainPalette, proof?: Proof): string {
  const palette = guarded(colours);
  const lines = prediction.exchanges.map((exchange, index) => {
    const refused = exchange.decision === "refused";
    const mark = refused ? palette.bad("refused") : palette.good("granted");
    return [
      palette.wrapped(`  ${mark}  ${printable(questionOf(exchange))}${notesOf(exchange)}`, verdictWidth),
      ...reasonLines(exchange, palette),
      ...proofLines(proof?.steps[index], palette),
    ].join("\n");
  });
  const verdict = palette.wrapped(
    prediction.works ? palette.good(prediction.sentence) : palette.bad(prediction.sentence),
    0,
  );
  const unsure = prediction.uncertain.map(({ account, attribute }) =>
    palette.wrapped(palette.warn(`  not certain: ${attribute} of ${account} could not be read`)),
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

function reasonLines({ reasons }: Exchange, palette: GuardedPalette): string[] {
  return reasons.map(({ id, sentence }) => palette.wrapped(palette.faint(`${beneath}${sentence} [${id}]`)));
}

function proofLines(step: ProofStep | undefined, palette: GuardedPalette): string[] {
  if (step === undefined) return [];
  const { verdict, real, note } = step;
  const remark = note === undefined ? "" : ` (${note})`;
  if (verdict === "not-tried" || real === undefined)
    return [palette.wrapped(palette.warn(`${beneath}not tried: ${note ?? "no key and no ticket"}`))];
  const answer = answerWords(real);
  const line =
    verdict === "agrees"
      ? palette.good(`${beneath}proved: ${answer}${remark}`)
      : palette.bad(`${beneath}DIFFERS: the KDC answered "${answer}"${remark}`);
  return [palette.wrapped(line)];
}
