import type { Exchange, Prediction } from "../../prediction/story.ts";
import { guarded, type Palette, plainPalette, printable } from "./palette.ts";

/** Every exchange of one migration, its flags, the decision and the named reason. */
export function storyText(prediction: Prediction, colours: Palette = plainPalette): string {
  const palette = guarded(colours);
  const lines = prediction.exchanges.map((exchange) => {
    const refused = exchange.decision === "refused";
    const mark = refused ? palette.bad("refused") : palette.good("granted");
    return [
      `  ${mark}  ${printable(questionOf(exchange))}${notesOf(exchange)}`,
      ...reasonLines(exchange, palette),
    ].join("\n");
  });
  const verdict = prediction.works ? palette.good(prediction.sentence) : palette.bad(prediction.sentence);
  const unsure = prediction.uncertain.map(({ account, attribute }) =>
    palette.warn(`  not certain: ${attribute} of ${account} could not be read`),
  );
  return [verdict, ...lines, ...unsure].join("\n");
}

function questionOf({ kind, by, client, service }: Exchange): string {
  switch (kind) {
    case "login":
    case "host-login":
      return `${by} signs in (AS)`;
    case "service-ticket":
      return `${by} asks for a ticket to ${service} (TGS)`;
    case "s4u2self":
      return `${by} asks for a ticket to itself in the name of ${client} (S4U2Self)`;
    case "s4u2proxy":
      return `${by} asks for a ticket to ${service} in the name of ${client} (S4U2Proxy)`;
  }
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
