import { readFileSync } from "node:fs";
import { loadFromLdap, type MemoryDirectory } from "@waybill/directory";
import {
  applyPlan,
  type Exchange,
  examine,
  type MigrationService,
  PredictionMatrix,
  plan,
  predict,
} from "@waybill/doctor";
import {
  type Credential,
  KerberosClient,
  KerberosError,
  type Keytab,
  NetworkTransport,
  parsePrincipal,
  readKeytab,
  staticLocator,
  TicketFlags,
} from "@waybill/kerberos";
import { LdapClient } from "@waybill/ldap";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { s4uAccounts } from "../../kerberos/test/support/s4u-accounts.ts";
import { SambaDomain } from "../../kerberos/test/support/samba-domain.ts";

// Samba AD, with every kind of misconfiguration in it, judges predictions, findings and repairs.

const profile = "samba-4.17" as const;
const people = ["alice", "sens", "prot", "disab", "mustchg"] as const;
const sources = ["KVM01", "KVM03", "KVM04", "KVM05", "KVM06"] as const;
const destinations = ["KVM02", "KVM07"] as const;

let domain: SambaDomain;
let ldap: LdapClient;
let client: KerberosClient;
const keytabs = new Map<string, Keytab>();
const principal = (name: string) => parsePrincipal(name, { defaultRealm: "LAB.TEST" });

beforeAll(async () => {
  domain = await SambaDomain.start({ seed: s4uAccounts("lab.test") });
  const locator = staticLocator({ "LAB.TEST": { kdc: [domain.address] } });
  client = new KerberosClient({ transport: new NetworkTransport({ locator }) });
  for (const name of [...people, ...sources.map((host) => `${host}$`)])
    keytabs.set(name, await readKeytab(await domain.exportKeytab(name)));
  const tls = { ca: readFileSync(domain.caFile, "utf8") };
  ldap = await LdapClient.connect({ url: `ldaps://${domain.address}`, tls });
  await ldap.bindSimple("Administrator@lab.test", domain.administratorPassword);
});

afterAll(async () => {
  ldap?.close();
  await domain?.stop();
});

const read = async (): Promise<MemoryDirectory> => (await loadFromLdap(ldap)).directory;

async function answer(work: () => Promise<Credential>): Promise<[string, Credential | undefined]> {
  try {
    const ticket = await work();
    return [(ticket.flags & TicketFlags.forwardable) === 0 ? "granted" : "forwardable", ticket];
  } catch (error) {
    if (error instanceof KerberosError) return [error.code, undefined];
    throw error;
  }
}

/** What Samba's KDC answers to the exchanges of a prediction, in their order, until one is refused. */
async function play(exchanges: readonly Exchange[], person: string, source: string): Promise<string[]> {
  const answers: string[] = [];
  const held = new Map<string, Credential>();
  const fresh = { fresh: true };
  const tgt = (name: string): Credential => held.get(name)!;
  const self = exchanges.some(({ kind }) => kind === "s4u2self");
  for (const { kind, service } of exchanges) {
    const [said, ticket] = await answer(() => {
      switch (kind) {
        case "login":
        case "host-login": {
          const name = kind === "login" ? person : `${source}$`;
          return client.login({ principal: principal(name), keytab: keytabs.get(name)!, forwardable: true });
        }
        case "service-ticket":
          return client.getTicket({ tgt: tgt("login"), server: principal(service) }, fresh);
        case "s4u2self":
          return client.s4u2self({ tgt: tgt("host-login"), user: principal(person) }, fresh);
        case "s4u2proxy":
          return client.s4u2proxy(
            {
              tgt: tgt("host-login"),
              evidence: tgt(self ? "s4u2self" : "service-ticket"),
              target: principal(service),
            },
            fresh,
          );
      }
    });
    answers.push(said);
    if (ticket !== undefined) held.set(kind, ticket);
  }
  return answers;
}

const told = (exchanges: readonly Exchange[]): string[] =>
  exchanges.map(({ decision, flags, errorCode }) =>
    decision === "refused" ? (errorCode ?? "") : flags.includes("forwardable") ? "forwardable" : "granted",
  );

describe("predictions", () => {
  it("are what Samba's KDC answers, for every person, source, destination and kind of evidence", async () => {
    const view = await read();
    const services: MigrationService[] = ["migration", "storage"];
    let cells = 0;
    for (const evidence of ["s4u2self", "ticket"] as const) {
      const matrix = new PredictionMatrix({
        view,
        profile,
        people,
        sources,
        destinations,
        evidence,
        services,
      });
      for (const [row, person] of people.entries()) {
        for (const [at, source] of sources.entries()) {
          for (const [column, destination] of destinations.entries()) {
            const story = predict({ view, profile, person, source, destination, evidence, services });
            const real = await play(story.exchanges, person, source);
            expect(told(story.exchanges), story.sentence).toEqual(real);
            expect(matrix.outcome(row, at, column)).toBe(story.outcome);
            cells++;
          }
        }
      }
    }
    expect(cells).toBe(100);
  });
});

describe("findings", () => {
  it("name what Samba needs and what is misconfigured", async () => {
    const view = await read();
    const report = examine({
      view,
      profile,
      hosts: ["KVM01", "KVM02", "KVM03"],
      people,
      evidence: "s4u2self",
    });
    const ids = new Set(report.findings.map(({ id }) => id));
    for (const id of [
      "protocol-transition-off",
      "resource-delegation-ignored",
      "person-not-delegable",
      "person-cannot-sign-in",
      "impersonation-reach",
    ])
      expect([...ids]).toContain(id);
  });
});

describe("repair", () => {
  it("makes a move work on a real Samba domain: planned, written with old values asserted, verified, proved", async () => {
    const view = await read();
    const made = plan({
      view,
      profile,
      pairs: [{ from: "KVM01", to: "KVM02" }],
      evidence: "s4u2self",
      services: ["migration"],
      people: ["alice"],
    });
    expect(made.complete, made.obstacles.join()).toBe(true);
    const result = await applyPlan(ldap, made);
    expect(result).toMatchObject({ verified: true });
    const after = await read();
    const story = predict({
      view: after,
      profile,
      person: "alice",
      source: "KVM01",
      destination: "KVM02",
      evidence: "s4u2self",
    });
    expect(story.works, story.sentence).toBe(true);
    expect(await play(story.exchanges, "alice", "KVM01")).toEqual(told(story.exchanges));
    await expect(applyPlan(ldap, made)).rejects.toMatchObject({ code: "PLAN_OUTDATED" });
  });
});
