import type { Outcome } from "../../prediction/story.ts";
import { type Html, html } from "./html.ts";
import type { HtmlReport } from "./html-report.ts";
import { bar, count, severities, startWords } from "./words.ts";

export type OutcomeCounts = Record<Outcome, number>;

export function summarySection(report: HtmlReport, counts: OutcomeCounts): Html {
  const { exposure, exposureAfter, findings } = report;
  const total = counts.works + counts["depends-on-name"] + counts.fails;
  const bySeverity = severities.map((severity) => ({
    severity,
    number: findings.filter((finding) => finding.severity === severity).length,
  }));
  return html`
<section class="summary" aria-label="Summary">
  <p class="verdict">${verdict(counts, total)}</p>
  <div class="tiles">
    <div class="tile">
      <h3>Moves started ${startWords[report.start ?? "remote"]}</h3>
      <p class="figure">${counts.works.toLocaleString("en-US")}<small> of ${total.toLocaleString("en-US")} work</small></p>
      ${bar(counts)}
      <p class="note">${count(report.people.length, "person", "people")}, ${count(report.hosts.length, "host")}</p>
    </div>
    <div class="tile">
      <h3>Findings</h3>
      <p class="figure">${findings.length}</p>
      <ul class="tally">${bySeverity
        .filter(({ number }) => number > 0)
        .map(
          ({ severity, number }) =>
            html`<li><span class="badge ${severity}">${severity}</span> ${number}</li>`,
        )}</ul>
    </div>
    <div class="tile">
      <h3>Can act for people who are not there</h3>
      <p class="figure">${exposure.impersonators}${
        exposureAfter === undefined ? "" : html`<span class="then"> → ${exposureAfter.impersonators}</span>`
      }<small> ${exposure.impersonators === 1 ? "account" : "accounts"}</small></p>
      <p class="note">${exposureAfter === undefined ? "today" : "today, and after the plan"}</p>
    </div>
    <div class="tile">
      <h3>People who can be delegated</h3>
      <p class="figure">${exposure.delegable.toLocaleString("en-US")}<small> of ${exposure.people.toLocaleString("en-US")}</small></p>
      <p class="note">the others are sensitive or in Protected Users</p>
    </div>
  </div>
</section>`;
}

function verdict(counts: OutcomeCounts, total: number): string {
  if (total === 0) return "No pair of hosts and no person to judge.";
  const bad = counts.fails + counts["depends-on-name"];
  if (bad === 0) return total === 1 ? "The move works." : `All ${total.toLocaleString("en-US")} moves work.`;
  const parts: string[] = [];
  if (counts.fails > 0)
    parts.push(
      counts.fails === total
        ? `${total === 1 ? "The move fails" : `All ${total.toLocaleString("en-US")} moves fail`}`
        : `${counts.fails.toLocaleString("en-US")} of ${total.toLocaleString("en-US")} moves fail`,
    );
  if (counts["depends-on-name"] > 0)
    parts.push(
      `${counts["depends-on-name"].toLocaleString("en-US")} ${counts["depends-on-name"] === 1 ? "depends" : "depend"} on whether the destination is named in full or in short`,
    );
  return `${parts.join("; ")}.`;
}
