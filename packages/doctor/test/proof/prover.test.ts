import { createSocket } from "node:dgram";
import { migrationServiceClass } from "@waybill/directory";
import {
  countSteps,
  Prover,
  plan,
  predict,
  proofFindings,
  proofJson,
  renderHtml,
  storyText,
  viewAfter,
} from "@waybill/doctor";
import { createTestDomain, type TestDomain, testPassword } from "@waybill/kdc/testing";
import { type Credential, KerberosClient, NetworkTransport, staticLocator } from "@waybill/kerberos";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const names = (host: string): string[] =>
  [migrationServiceClass, "cifs"].flatMap((service) => [`${service}/${host}`, `${service}/${host}.lab.test`]);
const move = {
  person: "alice",
  source: "kvm01",
  destination: "kvm02",
  services: ["migration", "storage"],
} as const;

let domain: TestDomain;
let alice: Credential;

beforeEach(async () => {
  domain = await createTestDomain({
    users: [
      { name: "alice", password: testPassword },
      { name: "carol", password: testPassword, sensitive: true },
    ],
    computers: ["KVM01", "KVM02", "WAC"].map((name) => ({
      name,
      dnsHostName: `${name.toLowerCase()}.lab.test`,
      migration: true,
    })),
    delegation: {
      KVM01: { to: names("kvm02"), protocol: "kerberos" },
      WAC: { to: ["WSMAN/kvm01.lab.test"], protocol: "kerberos" },
    },
  });
  alice = await signIn("alice");
});

afterEach(async () => await domain.close());

const signIn = async (person: string): Promise<Credential> =>
  await domain.client.login({
    principal: domain.principal(person),
    password: testPassword,
    forwardable: true,
  });

const proverOf = (...accounts: string[]): Prover =>
  new Prover({
    client: domain.newClient(),
    view: domain.directory,
    tickets: [alice],
    keytabs: accounts.map((account) => domain.keytab(account)),
  });

const verdicts = async (prover: Prover, request: Partial<Parameters<typeof predict>[0]> = {}) => {
  const proof = await prover.prove(predict({ view: domain.directory, ...move, ...request }));
  return { proof, steps: proof.steps.map(({ verdict }) => verdict) };
};

describe("a proof", () => {
  it("makes every exchange, and finds them as predicted", async () => {
    for (const start of ["remote", "at-source"] as const) {
      for (const evidence of ["ticket", "s4u2self"] as const) {
        const { proof } = await verdicts(proverOf("KVM01$"), { start, evidence });
        expect(proof.verdict, `${start} ${evidence}`).toBe("agrees");
        expect(proofFindings(domain.directory, [proof])).toEqual([]);
      }
    }
  });

  it("goes through a management server, with that server's key", async () => {
    const via = { start: "via-management-server", managementServer: "wac", evidence: "ticket" } as const;
    const { proof } = await verdicts(proverOf("KVM01$", "WAC$"), via);
    expect(proof.prediction.works).toBe(true);
    expect(proof.verdict).toBe("agrees");
  });

  it("says what could not be tried, and why", async () => {
    const { proof, steps } = await verdicts(proverOf(), { evidence: "s4u2self" });
    expect(proof.verdict).toBe("partly");
    expect(steps).toEqual([
      "agrees",
      "agrees",
      "not-tried",
      "not-tried",
      "not-tried",
      "not-tried",
      "not-tried",
      "not-tried",
    ]);
    expect(proof.steps[2]?.note).toBe("there is no keytab with a key of KVM01$");
    expect((await verdicts(proverOf(), { person: "carol" })).proof.verdict).toBe("not-tried");
  });

  it("needs only the host's key where the host acts alone", async () => {
    const prover = new Prover({
      client: domain.newClient(),
      view: domain.directory,
      keytabs: [domain.keytab("KVM01$")],
    });
    const { steps } = await verdicts(prover, { person: "carol", evidence: "s4u2self" });
    expect(steps.slice(2)).toEqual(["agrees", "agrees", "agrees", "agrees", "agrees", "agrees"]);
    expect(prover.canAskAs("KVM01$")).toBe(true);
    expect(prover.canAskAs("carol")).toBe(false);
  });

  it("finds keys that are kept under a service name only", async () => {
    const { entries } = domain.keytab("KVM01$");
    const keytab = {
      entries: entries.filter(({ principal }) => principal.components[0]?.toLowerCase() === "host"),
    };
    expect(keytab.entries.length).toBeGreaterThan(0);
    const prover = new Prover({ client: domain.newClient(), view: domain.directory, keytabs: [keytab] });
    expect((await verdicts(prover, { evidence: "s4u2self" })).steps[2]).toBe("agrees");
  });
});

describe("a difference", () => {
  it("is a finding with both stories", async () => {
    // The directory as it was read has the flag; the KDC's has not.
    const { diffs } = plan({
      view: domain.directory,
      pairs: [{ from: "kvm01", to: "kvm02" }],
      evidence: "s4u2self",
      services: ["migration"],
    });
    const view = viewAfter(domain.directory, diffs);
    const proof = await proverOf("KVM01$").prove(predict({ view, ...move, evidence: "s4u2self" }));
    expect(proof.verdict).toBe("differs");
    const findings = proofFindings(domain.directory, [proof, proof]);
    expect(findings.map(({ id }) => id)).toEqual(Array(5).fill("prediction-differs"));
    expect(findings[0]?.cause).toBe(
      'KVM01$ asks for a ticket to itself in the name of alice (S4U2Self): predicted (as active-directory) was "granted, forwardable", but the KDC answered "granted, not forwardable".',
    );
    expect(findings[1]?.evidence.map(({ value }) => value)).toEqual([
      "predicted: granted, forwardable",
      "real: refused, KDC_ERR_BADOPTION, STATUS_ACCOUNT_RESTRICTION",
    ]);
    expect(countSteps([proof])).toEqual({ agrees: 3, differs: 5, "not-tried": 0 });
    expect(storyText(proof.prediction, undefined, proof)).toContain(
      'DIFFERS: the KDC answered "granted, not forwardable"',
    );
    const page = renderHtml({
      domain: "lab.test",
      profile: "active-directory",
      readAt: 0,
      accounts: 1,
      hosts: [],
      people: [],
      findings,
      matrix: { people: [], sources: [], destinations: [], outcome: () => undefined },
      stories: [proof.prediction],
      proofs: [proof],
      exposure: { exposures: [], impersonators: 0, delegable: 1, people: 1, pairs: 0 },
    });
    expect(page).toContain("The KDC answered: refused, KDC_ERR_BADOPTION");
    expect(page).toContain("3 answers as predicted, 5 otherwise");
  });

  it("in the host's key is told as such", async () => {
    const keytab = domain.keytab("KVM01$");
    domain.directory.setPassword("KVM01$", "another-Passw0rd!");
    const prover = new Prover({ client: domain.newClient(), view: domain.directory, keytabs: [keytab] });
    const { proof } = await verdicts(prover, { evidence: "s4u2self" });
    expect(proof.steps[2]).toMatchObject({
      verdict: "differs",
      real: { errorCode: "KDC_ERR_PREAUTH_FAILED" },
    });
    expect(proof.steps[2]?.note).toContain("the key in the keytab is not the one that KVM01$ has");
  });

  it("is not made of a ticket that nobody asked to be forwardable, or that is older than a refusal", async () => {
    alice = await domain.client.login({
      principal: domain.principal("alice"),
      password: testPassword,
      forwardable: false,
    });
    const plain = await verdicts(proverOf("KVM01$"), { evidence: "ticket" });
    expect(plain.proof.steps[0]).toMatchObject({ verdict: "not-tried" });
    expect(plain.proof.steps[0]?.note).toContain("kinit -f");
    alice = await signIn("alice");
    domain.directory.setFlags("alice", { accountDisable: true });
    const late = await verdicts(proverOf("KVM01$"));
    expect(late.proof.steps[0]).toMatchObject({ verdict: "not-tried" });
  });
});

describe("what a proof leaves behind", () => {
  it("holds no key and no ticket", async () => {
    const { proof } = await verdicts(proverOf("KVM01$"), { evidence: "s4u2self" });
    const text = JSON.stringify([proofJson(proof), proof]);
    for (const word of ["keyvalue", "cipher", 'ticket":']) expect(text).not.toContain(word);
    const bytes = Object.values(proof.steps).flatMap((step) => Object.values(step.real ?? {}));
    expect(bytes.some((value) => value instanceof Uint8Array)).toBe(false);
  });

  it("a KDC that does not answer is waited for once, and no longer than told", async () => {
    const silent = createSocket("udp4");
    await new Promise<void>((resolve) => silent.bind(0, "127.0.0.1", resolve));
    const locator = staticLocator({ "LAB.TEST": { kdc: [`udp/127.0.0.1:${silent.address().port}`] } });
    const prover = new Prover({
      client: new KerberosClient({ transport: new NetworkTransport({ locator }) }),
      view: domain.directory,
      tickets: [alice],
      keytabs: [domain.keytab("KVM01$")],
      timeout: 2000,
    });
    const started = Date.now();
    const { proof } = await verdicts(prover, { evidence: "s4u2self" });
    silent.close();
    expect(proof.steps.map(({ verdict }) => verdict)).toEqual(["agrees", ...Array(7).fill("not-tried")]);
    expect(proof.steps[1]?.note).toContain("KDC_UNREACHABLE");
    // Once is two seconds, every time that it would be asked is fourteen.
    expect(Date.now() - started).toBeLessThan(9000);
  });
});
