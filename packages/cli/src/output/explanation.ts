import type { Explanation } from "@waybill/kerberos";
import { errorStyle as style } from "./style.ts";

/** What is known of a refusal, then its possible reasons, the likeliest first, each with what would lift it. */
export function formatExplanation({ known, causes }: Explanation): string {
  return [
    style.strong("What is known:"),
    ...known.map((fact) => `  ${fact}`),
    style.strong(causes.length === 1 ? "The likely reason:" : "Possible reasons, the likeliest first:"),
    ...causes.flatMap(({ cause, remedy }, index) => [
      `  ${index + 1}. ${cause}`,
      `     ${style.faint("Then:")} ${remedy}`,
    ]),
  ].join("\n");
}
