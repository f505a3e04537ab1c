import type { Exchange, Prediction } from "../../prediction/story.ts";
import { answerWords, countSteps, type Proof, type ProofStep } from "../../proof/proof.ts";
import { type Html, html } from "./html.ts";
import { count, exchangeWords, outcomeSigns, outcomeWords, plain, startWords, storyId } from "./words.ts";

export function storiesSection(stories: readonly Prediction[], proofs: readonly Proof[] = []): Html {
  if (stories.length === 0) return html``;
  const byStory = new Map(proofs.map((proof) => [proof.prediction, proof]));
  return html`<section><h2 id="stories">What the KDC decides, step by step</h2>${
    proofs.length === 0 ? "" : proofSummary(proofs)
  }${stories.map((story, index) => storyCard(story, index, byStory.get(story)))}</section>`;
}

function proofSummary(proofs: readonly Proof[]): Html {
  const counts = countSteps(proofs);
  return html`<p class="lead">Proved with real exchanges: ${count(counts.agrees, "answer")} as predicted, ${counts.differs} otherwise, ${counts["not-tried"]} not tried for want of a key or ticket.</p>`;
}

function storyCard(story: Prediction, index: number, proof: Proof | undefined): Html {
  const { person, source, destination, outcome, start, evidence, identity, managementServer } = story;
  return html`<details class="story" data-filter id="${storyId(index)}"${index === 0 ? html` open` : ""}>
<summary><span class="sign ${outcome}">${outcomeSigns[outcome]}</span><span class="what"><b>${person}: ${plain(source)} → ${plain(destination)}</b><span>${story.sentence}</span></span></summary>
<div class="body"><dl class="facts">
<div><dt>started</dt><dd>${startWords[start]}${managementServer === undefined ? "" : ` ${plain(managementServer)}`}</dd></div>
<div><dt>evidence</dt><dd>${evidence === "ticket" ? "the person's own ticket" : "a ticket made by S4U2Self"}</dd></div>
<div><dt>services</dt><dd>${story.services.join(", ")}</dd></div>
<div><dt>the destination sees</dt><dd>${identity === "proved" ? "an identity that the person proved (S-1-18-1)" : "an identity that a service asserted (S-1-18-2)"}</dd></div>
<div><dt>outcome</dt><dd>${outcomeWords[outcome]}</dd></div>
</dl>
<ol class="steps">${story.exchanges.map((exchange, step) => stepItem(exchange, proof?.steps[step]))}</ol>
${
  story.uncertain.length === 0
    ? ""
    : html`<p class="note">Could not be read, and the prediction rests on it: ${story.uncertain.map(({ account, attribute }) => `${attribute} of ${account}`).join(", ")}.</p>`
}</div></details>`;
}

function stepItem(exchange: Exchange, proof: ProofStep | undefined): Html {
  const { kind, by, client, service, decision, flags, via, errorCode, ntStatus, reasons } = exchange;
  return html`<li class="${decision}"><div class="step"><b>${exchangeWords[kind]}</b>
<span>${by}${client === by ? "" : html` for <b>${client}</b>`} → <code>${service}</code></span>
<span class="marks"><span class="mark ${decision}">${decision}</span>${
    decision === "refused" || kind === "login" || kind === "host-login"
      ? ""
      : flags.includes("forwardable")
        ? html`<span class="mark">forwardable</span>`
        : html`<span class="mark lacking">not forwardable</span>`
  }${via === undefined ? "" : html`<span class="mark">${via}</span>`}${
    exchange.target?.spelling === undefined
      ? ""
      : html`<span class="mark">${exchange.target.spelling} name</span>`
  }${errorCode === undefined ? "" : html`<span class="mark"><code>${errorCode}</code></span>`}${
    ntStatus === undefined ? "" : html`<span class="mark"><code>${ntStatus}</code></span>`
  }${proof === undefined ? "" : proofMark(proof)}</span></div>${
    reasons.length === 0
      ? ""
      : html`<ul class="reasons">${reasons.map(({ id, sentence }) => html`<li>${sentence} <code>${id}</code></li>`)}</ul>`
  }${proof === undefined ? "" : proofNote(proof)}</li>`;
}

const verdictWords = { agrees: "proved", differs: "differs", "not-tried": "not tried" } as const;
const verdictClasses = { agrees: "granted", differs: "refused", "not-tried": "lacking" } as const;

function proofMark({ verdict }: ProofStep): Html {
  return html`<span class="mark ${verdictClasses[verdict]}">${verdictWords[verdict]}</span>`;
}

function proofNote({ verdict, real, note }: ProofStep): Html {
  const said = verdict === "differs" && real !== undefined ? `The KDC answered: ${answerWords(real)}.` : "";
  return said === "" && note === undefined
    ? html``
    : html`<p class="note">${said}${note === undefined ? "" : ` ${note}`}</p>`;
}
