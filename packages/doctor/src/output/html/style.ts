/** Calm and dense; colour carries meaning only, and never alone. */
export const style = `
:root {
  --paper: #f7f7f5; --card: #ffffff; --ink: #1c2126; --soft: #5a646e; --line: #e2e3e0; --well: #f2f3f1;
  --link: #2a5d9f;
  --good: #1d7a4a; --good-bg: #e3f3ea; --half: #8a6100; --half-bg: #fbf0d3; --bad: #b3261e; --bad-bg: #fbe6e4;
  --grave: #8c1d40; --grave-bg: #f8dfe8; --calm-bg: #e8ecf1;
  color-scheme: light dark;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --card: #1b1f23; --ink: #e4e7ea; --soft: #9aa4ae; --line: #2e343a; --well: #15181b;
    --link: #8ab6ee;
    --good: #6fcf97; --good-bg: #173526; --half: #e6bd5c; --half-bg: #3a2f12; --bad: #f2938c; --bad-bg: #43201e;
    --grave: #f58bb0; --grave-bg: #471d2f; --calm-bg: #2a3138;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1rem; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
.top, main, footer { max-width: 72rem; margin: 0 auto; padding: 0 1.5rem; }
.top { padding-top: 2.25rem; }
.brand { margin: 0; color: var(--soft); font-size: .8rem; letter-spacing: .06em; text-transform: uppercase; }
h1 { margin: .15rem 0 .35rem; font-size: 1.8rem; line-height: 1.2; font-weight: 650; letter-spacing: -.015em; overflow-wrap: anywhere; }
h2 { margin: 0 0 .35rem; font-size: 1.2rem; font-weight: 650; letter-spacing: -.005em; }
h3 { margin: 0; font-size: .8rem; font-weight: 500; color: var(--soft); }
h4 { margin: 1.1rem 0 .35rem; font-size: .8rem; font-weight: 600; color: var(--soft); }
a { color: var(--link); text-underline-offset: .2em; }
code, pre { font: .86em/1.5 ui-monospace, "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { overflow-wrap: anywhere; }
small { font-size: .8rem; font-weight: 400; color: var(--soft); }
.meta { display: flex; flex-wrap: wrap; gap: .1rem 1.25rem; margin: 0; color: var(--soft); font-size: .88rem; }
.meta b { color: var(--ink); font-weight: 500; overflow-wrap: anywhere; }
.meta span:empty { display: none; }
nav { display: flex; gap: 1.25rem; margin-top: 1rem; padding-bottom: .6rem; border-bottom: 1px solid var(--line); font-size: .9rem; }
nav a { text-decoration: none; }
nav a:hover { text-decoration: underline; }
section { margin: 2.5rem 0; }
.summary { margin-top: 1.5rem; }
.verdict { margin: 0 0 1rem; font-size: 1.35rem; line-height: 1.35; font-weight: 500; max-width: 46rem; }
.lead { margin: 0 0 .9rem; color: var(--soft); max-width: 56rem; }
.note { margin: .5rem 0 0; color: var(--soft); font-size: .84rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .75rem; }
.tile { padding: .9rem 1rem 1rem; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.figure { margin: .15rem 0 .45rem; font-size: 1.7rem; line-height: 1.2; font-weight: 600; font-variant-numeric: tabular-nums; letter-spacing: -.01em; }
.then { color: var(--soft); }
.bar { display: block; width: 100%; height: 8px; border-radius: 4px; background: var(--well); }
rect.works { fill: var(--good); } rect.depends-on-name { fill: var(--half); } rect.fails { fill: var(--bad); }
.tally { display: flex; flex-wrap: wrap; gap: .3rem .8rem; margin: 0; padding: 0; list-style: none; font-size: .88rem; font-variant-numeric: tabular-nums; }
.badge { display: inline-block; padding: .08rem .5rem; border-radius: 99px; background: var(--calm-bg); color: var(--soft); font-size: .76rem; font-weight: 600; white-space: nowrap; }
.badge.critical { background: var(--grave-bg); color: var(--grave); }
.badge.error { background: var(--bad-bg); color: var(--bad); }
.badge.warning { background: var(--half-bg); color: var(--half); }
table { border-collapse: collapse; }
th { font-weight: 500; text-align: left; }
thead th { color: var(--soft); font-size: .8rem; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.wide { overflow-x: auto; }
.legend { display: block; margin-top: .4rem; font-size: .88rem; }
.legend i { font-style: normal; display: inline-block; width: 1.5em; text-align: center; border-radius: 4px; margin: 0 .15rem 0 .8rem; }
.legend i:first-child { margin-left: 0; }
.grids { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
.grid { max-width: 100%; overflow-x: auto; padding: .8rem 1rem 1rem; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.matrix caption { text-align: left; font-weight: 600; padding-bottom: .5rem; overflow-wrap: anywhere; }
.matrix th, .matrix td { padding: .15rem .3rem; font-size: .86rem; }
.matrix thead th { text-align: center; vertical-align: bottom; white-space: nowrap; }
.matrix thead th:nth-child(n+12) span, .matrix thead th:first-child:nth-last-child(n+13) ~ th span { writing-mode: vertical-rl; transform: rotate(180deg); }
.matrix tbody th { padding-right: .8rem; white-space: nowrap; }
.matrix .corner { text-align: left; color: var(--soft); font-weight: 400; }
.corner span + span::before { content: " \\2192\\A0"; }
.matrix td { min-width: 2.4rem; height: 1.9rem; text-align: center; border: 2px solid var(--card); border-radius: 6px; font-weight: 600; }
.works { background: var(--good-bg); color: var(--good); }
.depends-on-name { background: var(--half-bg); color: var(--half); }
.fails { background: var(--bad-bg); color: var(--bad); }
td.same { background: var(--well); }
.matrix td a { display: block; color: inherit; text-decoration: underline dotted; }
.hosts { width: 100%; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.hosts th, .hosts td { padding: .25rem .7rem; border-top: 1px solid var(--line); font-size: .88rem; }
.hosts thead th { border-top: 0; }
.hosts td:not(.number) { width: 30%; padding-right: 0; }
.hosts td.number { width: 8rem; text-align: left; }
.tools { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem .9rem; margin: .6rem 0 .9rem; }
.chip { display: inline-flex; align-items: center; gap: .3rem; cursor: pointer; }
input[type=checkbox] { accent-color: var(--link); }
input[type=search], button { font: inherit; font-size: .88rem; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: .3rem .6rem; }
input[type=search] { flex: 1 1 12rem; max-width: 22rem; }
button { cursor: pointer; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
details.finding, details.story { margin: .5rem 0; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
details.finding > summary, details.story > summary { display: grid; grid-template-columns: 5.2rem 1fr 1rem; gap: .6rem; align-items: baseline; padding: .7rem 1rem; cursor: pointer; list-style: none; }
details.story > summary { grid-template-columns: 2rem 1fr 1rem; }
summary::-webkit-details-marker { display: none; }
details.finding > summary::after, details.story > summary::after { content: "\\25B8"; color: var(--soft); }
details[open].finding > summary::after, details[open].story > summary::after { content: "\\25BE"; }
details.finding > summary .badge { justify-self: start; }
.what b { display: block; font-weight: 600; margin-bottom: .1rem; }
.what span { color: var(--soft); overflow-wrap: anywhere; }
[open] > summary .what span { color: var(--ink); }
.body { padding: 0 1rem 1rem 6.8rem; }
.story .body { padding-left: 3.6rem; }
.effect { margin: 0; max-width: 52rem; }
.evidence, .exposures, .numbers { width: 100%; font-size: .88rem; }
.evidence th, .evidence td, .exposures th, .exposures td, .numbers th, .numbers td { padding: .35rem .9rem .35rem 0; border-top: 1px solid var(--line); vertical-align: top; }
.evidence thead th, .exposures thead th, .numbers thead th { border-top: 0; padding-top: 0; }
.evidence td b { font-weight: 500; }
.evidence td:nth-child(2) code { overflow-wrap: break-word; }
.evidence td:first-child { min-width: 14rem; }
.evidence:not(:has(tbody td:nth-child(4):not(:empty))) :is(th, td):nth-child(4) { display: none; }
.evidence small { display: block; overflow-wrap: anywhere; }
.remedy { margin: .3rem 0 .9rem; }
.remedy p { margin: 0 0 .3rem; }
.auto { color: var(--good); font-size: .84rem; white-space: nowrap; }
.opens { margin: 0 0 .4rem; padding-left: 1.1rem; color: var(--soft); font-size: .9rem; }
.tabs { display: flex; flex-wrap: wrap; gap: 0; }
.tabs input { position: absolute; opacity: 0; pointer-events: none; }
.tabs label { padding: .25rem .8rem; font-size: .82rem; color: var(--soft); cursor: pointer; border-bottom: 2px solid transparent; }
.tabs input:checked + label { color: var(--ink); border-bottom-color: var(--link); }
.tabs input:focus-visible + label { outline: 2px solid var(--link); }
.tabs pre { display: none; order: 9; flex: 1 0 100%; margin: 0; padding: .7rem .9rem; max-height: 22rem; overflow: auto; background: var(--well); border: 1px solid var(--line); border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere; }
.tabs input:nth-of-type(1):checked ~ pre:nth-of-type(1), .tabs input:nth-of-type(2):checked ~ pre:nth-of-type(2), .tabs input:nth-of-type(3):checked ~ pre:nth-of-type(3) { display: block; }
.docs { margin: .6rem 0 0; color: var(--soft); font-size: .82rem; }
.sign { display: inline-block; width: 1.7rem; text-align: center; border-radius: 5px; font-weight: 600; }
.facts { display: flex; flex-wrap: wrap; gap: .4rem 2rem; margin: 0 0 .9rem; font-size: .88rem; }
.facts dt { color: var(--soft); font-size: .8rem; }
.facts dd { margin: 0; }
.steps { margin: 0; padding: 0; list-style: none; counter-reset: step; }
.steps > li { position: relative; padding: 0 0 .9rem 2.2rem; counter-increment: step; }
.steps > li::before { content: counter(step); position: absolute; left: 0; top: 0; width: 1.45rem; height: 1.45rem; border-radius: 50%; background: var(--good-bg); color: var(--good); font-size: .78rem; font-weight: 600; line-height: 1.45rem; text-align: center; }
.steps > li.refused::before { background: var(--bad-bg); color: var(--bad); }
.steps > li:not(:last-child)::after { content: ""; position: absolute; left: .7rem; top: 1.6rem; bottom: .15rem; border-left: 1px solid var(--line); }
.step { display: flex; flex-wrap: wrap; gap: .1rem .8rem; align-items: baseline; }
.step > b { min-width: 7.4rem; font-weight: 600; }
.marks { display: inline-flex; flex-wrap: wrap; gap: .3rem; }
.mark { padding: .02rem .45rem; border-radius: 4px; background: var(--calm-bg); font-size: .8rem; white-space: nowrap; }
.mark.granted { background: var(--good-bg); color: var(--good); }
.mark.refused, .mark.unconstrained { background: var(--bad-bg); color: var(--bad); }
.mark.lacking, .mark.any-protocol { background: var(--half-bg); color: var(--half); }
.quiet { color: var(--soft); }
.reasons { margin: .25rem 0 0; padding-left: 1.1rem; font-size: .92rem; max-width: 56rem; overflow-wrap: anywhere; }
.reasons code { color: var(--soft); font-size: .8em; }
.numbers { max-width: 44rem; margin-bottom: 1.4rem; }
.numbers tbody th { font-weight: 400; }
.numbers thead th:not(:first-child) { text-align: right; }
.number.less { color: var(--good); font-weight: 600; } .number.more { color: var(--bad); font-weight: 600; }
.exposures tbody th { font-weight: 600; }
.more summary { cursor: pointer; list-style: disclosure-closed inside; }
.more[open] summary { list-style-type: disclosure-open; }
footer { padding-top: 1rem; padding-bottom: 2.5rem; color: var(--soft); font-size: .84rem; }
[hidden] { display: none !important; }
@media (max-width: 40rem) {
  .evidence thead { display: none; }
  .evidence td { display: block; border-top: 0; padding: .1rem 0; }
  .evidence tr { display: block; padding: .4rem 0; border-top: 1px solid var(--line); }
  .body, .story .body { padding-left: 1rem; }
  details.finding > summary { grid-template-columns: 1fr 1rem; }
  details.finding > summary .badge { grid-column: 1; justify-self: start; }
  details.finding > summary .what { grid-column: 1; }
}
@media print {
  @page { margin: 14mm 15mm; }
  :root { --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb; --well: #f4f4f4; color-scheme: light; }
  body { font-size: 9pt; line-height: 1.4; }
  nav, .tools, summary::after { display: none !important; }
  .top, main, footer { max-width: none; padding: 0; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  section { margin: 1.4rem 0; }
  .tiles { grid-template-columns: repeat(4, 1fr); gap: .4rem; }
  .tile { padding: .5rem .6rem; }
  .grids { display: block; }
  .grid { width: fit-content; margin-bottom: .6rem; padding: .4rem .6rem .5rem; overflow: visible; }
  .matrix th, .matrix td { padding: 0 .2rem; font-size: 8pt; }
  .matrix td { min-width: 1.7rem; height: 1.35rem; border-width: 1px; }
  .wide { overflow: visible; }
  details.finding, details.story { margin: .35rem 0; box-decoration-break: clone; -webkit-box-decoration-break: clone; }
  details.finding > summary, details.story > summary { padding: .45rem .7rem; break-after: avoid; break-inside: avoid; }
  details.finding > summary, details.story > summary { grid-template-columns: 4.6rem 1fr; }
  details.story > summary { grid-template-columns: 2rem 1fr; }
  .body, .story .body { padding: 0 .7rem .5rem; }
  tr, .tile, .grid, .steps > li, .remedy p, .tabs pre, .facts { break-inside: avoid; }
  h2, h4, .remedy p, thead { break-after: avoid; }
  h4 { margin-top: .5rem; }
  .evidence th, .evidence td { padding-top: .15rem; padding-bottom: .15rem; }
  .steps > li { padding-bottom: .35rem; }
  .docs { break-before: avoid; margin-top: .3rem; }
  .remedy { margin-bottom: .4rem; }
  details::details-content { content-visibility: visible; display: block; }
  .tabs { display: block; }
  .tabs input, .tabs label { display: none; }
  .tabs pre { display: block; max-height: none; margin-top: .25rem; padding: .25rem .6rem; font-size: 7.5pt; line-height: 1.35; }
  .tabs pre::before { content: attr(data-form); display: block; color: var(--soft); font-family: system-ui, sans-serif; }
}
`;
