import { findingKinds } from "../../findings/catalogue.ts";
import type { Finding } from "../../findings/finding.ts";
import type { Remedy } from "../../repair/remedy.ts";
import { type Html, html } from "./html.ts";
import { severities } from "./words.ts";

export function findingsSection(findings: readonly Finding[]): Html {
  if (findings.length === 0)
    return html`<section><h2 id="findings">Findings</h2><p class="lead">Nothing was found.</p></section>`;
  const present = severities.filter((severity) => findings.some((finding) => finding.severity === severity));
  return html`<section><h2 id="findings">Findings</h2>
<div class="tools" role="group" aria-label="Filter findings">${present.map(
    (severity) =>
      html`<label class="chip"><input type="checkbox" checked data-severity="${severity}"><span class="badge ${severity}">${severity}</span></label>`,
  )}<input type="search" id="search" placeholder="Filter by name or text" aria-label="Filter by name or text"><button type="button" id="toggle">Open all</button></div>
${findings.map(findingCard)}</section>`;
}

function findingCard(finding: Finding, index: number): Html {
  const { id, severity, cause, effect, evidence, remedies, docs } = finding;
  return html`<details class="finding" data-filter data-kind="${severity}"${index === 0 ? html` open` : ""}>
<summary><span class="badge ${severity}">${severity}</span><span class="what"><b>${findingKinds[id].title}</b><span>${cause}</span></span></summary>
<div class="body">
<p class="effect">${effect}</p>
${
  evidence.length === 0
    ? ""
    : html`<h4>Evidence</h4><div class="wide"><table class="evidence"><thead><tr><th scope="col">object</th><th scope="col">attribute</th><th scope="col">value</th><th scope="col">read from</th></tr></thead><tbody>${evidence.map(
        (fact) =>
          html`<tr><td><b>${fact.account}</b><small>${fact.object}</small></td><td><code>${fact.attribute}</code></td><td><code>${fact.value}</code></td><td>${fact.readFrom ?? ""}</td></tr>`,
      )}</tbody></table></div>`
}
${remedies.length === 0 ? "" : html`<h4>${remedies.length === 1 ? "Remedy" : "Remedies, the least far-reaching first"}</h4>${remedies.map((remedy, position) => remedyBlock(remedy, `f${index}r${position}`))}`}
<p class="docs"><code>${id}</code> · ${docs}</p>
</div></details>`;
}

function remedyBlock(remedy: Remedy, id: string): Html {
  const forms = [
    { name: "PowerShell", text: remedy.powershell.join("\n") },
    { name: "samba-tool", text: remedy.sambaTool.join("\n") },
    { name: "LDIF", text: remedy.ldif.trimEnd() },
  ].filter(({ text }) => text !== "");
  return html`<div class="remedy"><p>${remedy.summary}${remedy.automatic ? html` <span class="auto">safe to apply automatically</span>` : ""}</p>
${remedy.opens.length === 0 ? "" : html`<ul class="opens">${remedy.opens.map((sentence) => html`<li>${sentence}</li>`)}</ul>`}
${
  forms.length === 0
    ? ""
    : html`<div class="tabs">${forms.map(
        ({ name }, index) =>
          html`<input type="radio" name="${id}" id="${id}t${index}"${index === 0 ? html` checked` : ""}><label for="${id}t${index}">${name}</label>`,
      )}${forms.map(({ name, text }) => html`<pre data-form="${name}"><code>${text}</code></pre>`)}</div>`
}</div>`;
}
