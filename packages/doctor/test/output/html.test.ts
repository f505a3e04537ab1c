import { createHash } from "node:crypto";
import {
  chooseStories,
  type Finding,
  type HtmlReport,
  type Prediction,
  PredictionMatrix,
  predict,
  renderHtml,
} from "@waybill/doctor";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { escapeText } from "../../src/output/html/html.ts";
import { seedDomain } from "../support/domain.ts";

const noExposure = { exposures: [], impersonators: 0, delegable: 1, people: 1, pairs: 0 };

/** A page in which one text stands wherever a directory can put one. */
function page(name: string, parts: Partial<HtmlReport> = {}): string {
  const fact = { object: name, account: name, attribute: name, value: name };
  const finding: Finding = {
    id: "delegation-missing",
    severity: "error",
    cause: name,
    evidence: [{ ...fact, readFrom: name }],
    effect: name,
    remedies: [
      {
        summary: name,
        opens: [name],
        automatic: true,
        diffs: [],
        powershell: [name],
        sambaTool: [name],
        ldif: name,
      },
    ],
    docs: name,
  };
  const story: Prediction = {
    person: name,
    source: name,
    destination: `${name}2`,
    start: "remote",
    evidence: "s4u2self",
    managementServer: name,
    services: ["migration"],
    profile: name,
    outcome: "fails",
    works: false,
    exchanges: [
      {
        kind: "s4u2proxy",
        by: name,
        client: `${name}3`,
        service: name,
        decision: "refused",
        flags: [],
        errorCode: name,
        ntStatus: name,
        reasons: [{ id: "kerberos-only", sentence: name, lifts: [] }],
        uncertain: [],
      },
    ],
    sentence: name,
    lifts: [],
    identity: "asserted",
    uncertain: [fact],
  };
  const accounts = [{ samAccountName: name }, { samAccountName: `${name}2` }];
  return renderHtml({
    domain: name,
    profile: name,
    readFrom: name,
    readAt: 1_763_834_400_000,
    accounts: 3,
    hosts: [name],
    people: [name],
    findings: [finding],
    matrix: {
      people: accounts.slice(0, 1),
      sources: accounts,
      destinations: accounts,
      outcome: (_person, source, destination) => (source === destination ? undefined : "fails"),
    },
    stories: [story],
    exposure: {
      ...noExposure,
      exposures: [{ account: name, sid: name, kind: "any-protocol", towards: [name], people: 1 }],
    },
    exposureAfter: noExposure,
    ...parts,
  });
}

/** Tags and attributes, with every text and attribute value taken out. */
function skeleton(markup: string): string {
  return (markup.match(/<[^>]*>/g) ?? []).join("").replace(/"[^"]*"/g, '""');
}

describe("a hostile name", () => {
  it.each([
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "</textarea></title><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "<!--",
    "]]>",
    "&lt;b&gt;",
    "{{7*7}}`",
  ])("%s is text, never markup", (name) => {
    expect(skeleton(page(name))).toBe(skeleton(page("x")));
    expect(page(name)).toContain(escapeText(name));
  });

  it("cannot hide characters or turn the reading direction round", () => {
    expect(escapeText("HV01\u202e$10VH\u200b\u0000\ud800")).toBe(
      "HV01\\u{202e}$10VH\\u{200b}\\u{0}\\u{d800}",
    );
  });

  it("is text whatever it is", () => {
    const plain = skeleton(page("x"));
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), (name) => {
        expect(skeleton(page(`a${name}`))).toBe(plain);
      }),
    );
  });
});

describe("the page", () => {
  const markup = page("HV01$");

  it("asks nobody for anything, and forbids what it did not bring", () => {
    expect(markup).not.toMatch(/\b(?:src|href)="(?!#)/);
    expect(markup).not.toMatch(/@import|url\(|https?:\/\//);
    const [, script = ""] = /<script>([\s\S]*?)<\/script>/.exec(markup) ?? [];
    const [, style = ""] = /<style>([\s\S]*?)<\/style>/.exec(markup) ?? [];
    for (const part of [script, style])
      expect(markup).toContain(`'sha256-${createHash("sha256").update(part).digest("base64")}'`);
    expect(markup).not.toMatch(/\sstyle=|\son[a-z]+=/);
  });

  it("leads from a cell to its story", () => {
    const [, id = ""] = /<td class="fails"><a href="#([^"]+)"/.exec(markup) ?? [];
    expect(markup).toContain(`id="${id}"`);
  });

  it("shows each form of a remedy under a tab of its own", () => {
    for (const form of ["PowerShell", "samba-tool", "LDIF"]) expect(markup).toContain(`data-form="${form}"`);
  });

  it("says so when there is nothing to say", () => {
    const empty = page("x", { findings: [], stories: [], exposure: noExposure, exposureAfter: undefined });
    expect(empty).toContain("Nothing was found.");
    expect(empty).toContain("No account may act for others.");
  });

  it("sums a large matrix up by host, quickly and small", () => {
    const hosts = Array.from({ length: 300 }, (_, index) => ({ samAccountName: `HV${index}$` }));
    const start = performance.now();
    const large = page("x", {
      matrix: {
        people: hosts.slice(0, 10),
        sources: hosts,
        destinations: hosts,
        outcome: (_person, source, destination) =>
          source === destination ? undefined : source % 7 === 0 ? "fails" : "works",
      },
    });
    expect(performance.now() - start).toBeLessThan(20_000);
    expect(large.match(/<tr data-filter><th scope="row">HV/g)).toHaveLength(300);
    expect(large.length).toBeLessThan(400_000);
  });
});

describe("the stories of a page", () => {
  it("are told of what fails first, once for people who fare alike", () => {
    const view = seedDomain();
    view.createUser({ name: "bob", password: "Passw0rd!" });
    const hosts = ["kvm01", "kvm02"];
    const matrix = new PredictionMatrix({
      view,
      people: ["alice", "bob"],
      sources: hosts,
      evidence: "s4u2self",
    });
    const stories = chooseStories(matrix, (person, source, destination) => {
      const [who, from, to] = [
        matrix.people[person],
        matrix.sources[source],
        matrix.destinations[destination],
      ];
      return predict({
        view,
        person: who?.samAccountName ?? "",
        source: from?.samAccountName ?? "",
        destination: to?.samAccountName ?? "",
        evidence: "s4u2self",
      });
    });
    expect(stories.map(({ person, source, outcome }) => [person, source, outcome])).toEqual([
      ["alice", "KVM01$", "fails"],
      ["alice", "KVM02$", "fails"],
    ]);
    expect(page("x", { stories })).toContain("evidence-not-forwardable");
    expect(chooseStories(matrix, () => stories[0] as Prediction, 1)).toHaveLength(1);
  });
});
