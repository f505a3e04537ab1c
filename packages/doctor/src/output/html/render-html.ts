import { createHash } from "node:crypto";
import { exposureSection } from "./exposure-section.ts";
import { findingsSection } from "./findings-section.ts";
import { Html, html } from "./html.ts";
import type { HtmlReport } from "./html-report.ts";
import { countOutcomes, matrixSection } from "./matrix-section.ts";
import { script } from "./script.ts";
import { storiesSection } from "./stories-section.ts";
import { style } from "./style.ts";
import { summarySection } from "./summary-section.ts";
import { count } from "./words.ts";

/**
 * One HTML file that needs nothing else: no request leaves it, and its own policy forbids any script or style but the
 * two it was written with, so that a name which slipped through could still do nothing.
 *
 * @example writeFileSync("report.html", renderHtml({ ...examine({ view }), readAt: Date.now() }));
 */
export function renderHtml(report: HtmlReport): string {
  const counts = countOutcomes(report.matrix);
  const read = new Date(report.readAt).toISOString();
  const stories = report.stories ?? [];
  const policy = `default-src 'none'; style-src '${hashOf(style)}'; script-src '${hashOf(script)}'; base-uri 'none'; form-action 'none'`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Html(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="waybill doctor">
<title>Delegation in ${report.domain}</title>
<style>${new Html(style)}</style>
</head>
<body>
<header class="top">
<p class="brand">Waybill doctor</p>
<h1>Delegation in ${report.domain}</h1>
<p class="meta"><span>${report.readFrom === undefined ? "" : html`Read from <b>${report.readFrom}</b>`}</span><span><time datetime="${read}">${read.slice(0, 16).replace("T", " ")} UTC</time></span><span>${count(report.accounts, "account")}</span><span>KDC profile <b>${report.profile}</b></span></p>
<nav><a href="#moves">Moves</a><a href="#findings">Findings</a>${stories.length === 0 ? "" : html`<a href="#stories">Steps</a>`}<a href="#exposure">Exposure</a></nav>
</header>
<main>
${summarySection(report, counts)}
${matrixSection(report, counts)}
${findingsSection(report.findings)}
${storiesSection(stories, report.proofs)}
${exposureSection(report.exposure, report.exposureAfter)}
</main>
<footer>Predictions come from the rules that a KDC applies, over the directory as it was read; they are as old as that reading.</footer>
<script>${new Html(script)}</script>
</body>
</html>
`.markup;
}

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
