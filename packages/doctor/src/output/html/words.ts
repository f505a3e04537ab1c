import type { Severity } from "../../findings/finding.ts";
import type { ExchangeKind, Outcome, StartKind } from "../../prediction/story.ts";
import type { Exposure } from "../../repair/exposure.ts";
import { type Html, html } from "./html.ts";

export const severities: readonly Severity[] = ["critical", "error", "warning", "notice"];

export const outcomeWords: Readonly<Record<Outcome, string>> = {
  works: "works",
  "depends-on-name": "depends on the name",
  fails: "fails",
};

/** Never by colour alone. */
export const outcomeSigns: Readonly<Record<Outcome, string>> = {
  works: "✓",
  "depends-on-name": "≈",
  fails: "✕",
};

export const startWords: Readonly<Record<StartKind, string>> = {
  "at-source": "at the source host",
  remote: "from a workstation",
  "via-management-server": "through a management server",
};

export const exchangeWords: Readonly<Record<ExchangeKind, string>> = {
  login: "Login",
  "service-ticket": "Service ticket",
  "host-login": "Host login",
  s4u2self: "S4U2Self",
  s4u2proxy: "S4U2Proxy",
};

export const exposureWords: Readonly<Record<Exposure["kind"], string>> = {
  unconstrained: "unconstrained",
  "any-protocol": "any protocol",
  "kerberos-only": "Kerberos only",
  "resource-based": "resource-based",
};

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString("en-US")} ${number === 1 ? one : many}`;
}

/** A bar of up to three parts, with its numbers as its name. Drawn, so that no inline style is needed. */
export function bar(parts: Readonly<Record<Outcome, number>>): Html {
  const total = parts.works + parts["depends-on-name"] + parts.fails;
  const label = (Object.keys(outcomeWords) as Outcome[])
    .map((outcome) => `${parts[outcome]} ${outcomeWords[outcome]}`)
    .join(", ");
  let x = 0;
  const rects = (Object.keys(outcomeWords) as Outcome[]).map((outcome) => {
    const width = total === 0 ? 0 : (parts[outcome] / total) * 100;
    const rect = html`<rect class="${outcome}" x="${x.toFixed(2)}" y="0" width="${width.toFixed(2)}" height="8"/>`;
    x += width;
    return rect;
  });
  return html`<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="${label}"><title>${label}</title>${rects}</svg>`;
}

/** A host as people say it: without the `$` of its account. */
export function plain(account: string): string {
  return account.replace(/\$$/, "");
}

/** Where in the page a story stands. */
export function storyId(index: number): string {
  return `story-${index}`;
}
