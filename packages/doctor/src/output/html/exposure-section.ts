import type { Exposure, ExposureSummary } from "../../repair/exposure.ts";
import { type Html, html } from "./html.ts";
import { count, exposureWords } from "./words.ts";

/** Accounts named one by one; the rest is only counted. */
const mostNames = 40;

interface Row {
  readonly before?: Exposure | undefined;
  readonly after?: Exposure | undefined;
}

export function exposureSection(before: ExposureSummary, after: ExposureSummary | undefined): Html {
  const rows = rowsOf(before, after);
  return html`<section><h2 id="exposure">What a taken-over host could do</h2>
<p class="lead">By account: the service name in a ticket is not protected, so a ticket to one service of an account opens all of them.</p>
<table class="numbers"><thead><tr><th scope="col"></th><th scope="col">today</th>${after === undefined ? "" : html`<th scope="col">after the plan</th>`}</tr></thead><tbody>
${numberRow("Accounts that can act for people who are not there", before.impersonators, after?.impersonators)}
${numberRow("Pairs of accounts open to delegation", before.pairs, after?.pairs)}
${numberRow(`People who can be delegated, of ${before.people.toLocaleString("en-US")}`, before.delegable, after?.delegable)}
</tbody></table>
${
  rows.length === 0
    ? html`<p>No account may act for others.</p>`
    : html`<div class="wide"><table class="exposures"><thead><tr><th scope="col">account</th><th scope="col">how</th><th scope="col">for whom</th><th scope="col">towards</th>${after === undefined ? "" : html`<th scope="col">plan</th>`}</tr></thead><tbody>${rows.map((row) => exposureRow(row, after !== undefined))}</tbody></table></div>`
}</section>`;
}

function numberRow(label: string, before: number, after: number | undefined): Html {
  const change = after === undefined || after === before ? "" : after > before ? "more" : "less";
  return html`<tr><th scope="row">${label}</th><td class="number">${before.toLocaleString("en-US")}</td>${
    after === undefined ? "" : html`<td class="number ${change}">${after.toLocaleString("en-US")}</td>`
  }</tr>`;
}

function rowsOf(before: ExposureSummary, after: ExposureSummary | undefined): Row[] {
  const rows = new Map<string, { before?: Exposure; after?: Exposure }>();
  const keyOf = ({ sid, kind }: Exposure): string =>
    `${sid} ${kind === "resource-based" ? "r" : kind === "unconstrained" ? "u" : "c"}`;
  for (const exposure of before.exposures) rows.set(keyOf(exposure), { before: exposure });
  for (const exposure of after?.exposures ?? [])
    rows.set(keyOf(exposure), { ...rows.get(keyOf(exposure)), after: exposure });
  return [...rows.values()];
}

function exposureRow({ before, after }: Row, planned: boolean): Html {
  const exposure = after ?? before;
  if (exposure === undefined) return html``;
  const { account, kind, people, towards } = exposure;
  return html`<tr data-filter><th scope="row">${account}</th><td><span class="mark ${kind}">${exposureWords[kind]}</span></td><td>${
    people === undefined ? "those who show it a ticket" : html`<b>${count(people, "person", "people")}</b>`
  }</td><td>${towardsText(towards)}</td>${planned ? html`<td>${planText(before, after)}</td>` : ""}</tr>`;
}

function towardsText(towards: readonly string[] | undefined): Html {
  if (towards === undefined) return html`<b>every service</b>`;
  if (towards.length <= 4) return html`${towards.join(", ")}`;
  const rest = towards.length - mostNames;
  return html`<details class="more"><summary>${count(towards.length, "account")}</summary>${towards.slice(0, mostNames).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}</details>`;
}

function planText(before: Exposure | undefined, after: Exposure | undefined): Html {
  if (before === undefined) return html`<span class="mark refused">new</span>`;
  if (after === undefined) return html`<span class="mark granted">closed</span>`;
  if (before.kind !== after.kind)
    return html`<span class="mark lacking">was ${exposureWords[before.kind]}</span>`;
  const known = new Set(before.towards ?? []);
  const now = new Set(after.towards ?? []);
  const more = (after.towards ?? []).filter((name) => !known.has(name)).length;
  const fewer = (before.towards ?? []).filter((name) => !now.has(name)).length;
  if (more + fewer === 0 && before.people === after.people) return html`<span class="quiet">unchanged</span>`;
  return html`<span class="mark lacking">${[more > 0 ? `+${more}` : "", fewer > 0 ? `−${fewer}` : "", more + fewer === 0 ? "other people" : ""].filter((part) => part !== "").join(" ")}</span>`;
}
