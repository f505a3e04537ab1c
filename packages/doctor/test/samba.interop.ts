import { loadFromLdap, type MemoryDirectory } from "@waybill/directory";
import { applyPlan, examine, type MigrationService, PredictionMatrix, plan, predict } from "@waybill/doctor";
import type { LdapClient } from "@waybill/ldap";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { s4uAccounts } from "../../kerberos/test/support/s4u-accounts.ts";
import { SambaDomain } from "../../kerberos/test/support/samba-domain.ts";
import { asAdministrator } from "../../ldap/test/support/domain.ts";
import { SambaPlayer, told } from "./support/samba-player.ts";

// Samba AD, with every kind of misconfiguration in it, judges predictions, findings and repairs.

const profile = "samba-4.17" as const;
const people = ["alice", "sens", "prot", "disab", "mustchg"] as const;
const sources = ["KVM01", "KVM03", "KVM04", "KVM05", "KVM06"] as const;
const destinations = ["KVM02", "KVM07"] as const;

let domain: SambaDomain;
let ldap: LdapClient;
let player: SambaPlayer;

beforeAll(async () => {
  domain = await SambaDomain.start({ seed: s4uAccounts("lab.test") });
  player = new SambaPlayer(domain);
  await player.adopt([...people, ...sources.map((host) => `${host}$`)]);
  ldap = await asAdministrator(domain);
});

afterAll(async () => {
  ldap?.close();
  await domain?.stop();
});

const read = async (): Promise<MemoryDirectory> => (await loadFromLdap(ldap)).directory;

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
            const real = await player.play(story.exchanges, person, source);
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
    player.forget();
    expect(await player.play(story.exchanges, "alice", "KVM01")).toEqual(told(story.exchanges));
    await expect(applyPlan(ldap, made)).rejects.toMatchObject({ code: "PLAN_OUTDATED" });
  });
});
