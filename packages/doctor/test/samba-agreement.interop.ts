import { loadFromLdap } from "@waybill/directory";
import {
  type EvidenceMode,
  type MigrationService,
  type NameSpelling,
  PredictionMatrix,
  predict,
  type StartKind,
} from "@waybill/doctor";
import type { LdapClient } from "@waybill/ldap";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  AccountFlags,
  migrationService,
  sambaComputer,
  sambaUser,
} from "../../kerberos/test/support/samba-accounts.ts";
import { SambaDomain, type SambaOperation } from "../../kerberos/test/support/samba-domain.ts";
import { asAdministrator } from "../../ldap/test/support/domain.ts";
import { generator } from "./support/generator.ts";
import { SambaPlayer, told } from "./support/samba-player.ts";

// Generated people and hosts in a real Samba domain, and what its KDC answers beside what was predicted. A
// configuration is a person, a source and a destination with all their settings, the evidence and where it starts.

const configurations = 2000;
/** Of them, how many with krbtgt marked sensitive. */
const withSensitiveKrbtgt = 200;
const profile = "samba-4.17" as const;
const pick = generator(20_261_122);
const chance = (percent: number): boolean => pick(100) < percent;
const hosts = Array.from({ length: 60 }, (_, index) => `HV${String(index).padStart(2, "0")}`);
const people = Array.from({ length: 30 }, (_, index) => `person${index}`);
const longAgo = "116444736000000000";

let domain: SambaDomain;
let player: SambaPlayer;
let ldap: LdapClient;

beforeAll(async () => {
  domain = await SambaDomain.start({
    seed: [...people.flatMap(somebody), ...hosts.flatMap(host), ...grants()],
  });
  player = new SambaPlayer(domain);
  await player.adopt([...people, ...hosts.map((name) => `${name}$`)]);
  ldap = await asAdministrator(domain);
});

afterAll(async () => {
  ldap?.close();
  await domain?.stop();
});

/** The first is as plain as they come. */
function somebody(name: string): SambaOperation[] {
  const plain = name === "person0";
  const flag = (percent: number, bits: number): number => (!plain && chance(percent) ? bits : 0);
  const flags =
    flag(30, AccountFlags.notDelegated) |
    flag(10, AccountFlags.disabled) |
    flag(15, AccountFlags.dontRequirePreauth) |
    (plain || !chance(20) ? AccountFlags.passwordNeverExpires : 0);
  const operations = sambaUser("lab.test", { name, flags });
  if (!plain && chance(12)) operations.push({ op: "modify", name, attributes: { pwdLastSet: "0" } });
  if (!plain && chance(10)) operations.push({ op: "modify", name, attributes: { accountExpires: longAgo } });
  if (!plain && chance(20))
    operations.push({ op: "member", group: "Protected Users", names: [name], member: true });
  return operations;
}

function host(name: string, index: number): SambaOperation[] {
  const others = Array.from({ length: 8 }, (_, step) => hosts[(index + 1 + step * 7) % hosts.length]!);
  const entries = others.flatMap((other) =>
    [migrationService, "cifs"].flatMap((service) =>
      [other, `${other.toLowerCase()}.lab.test`].flatMap((target) => {
        const plain = `${service}/${target}`;
        const escaped = plain.replaceAll(" ", "\\ ");
        const kept = [plain, ...(plain === escaped ? [] : [escaped])].filter(() => chance(85));
        return chance(75) ? kept : [];
      }),
    ),
  );
  const list = chance(25) ? [] : chance(8) ? ["http/elsewhere.lab.test"] : entries;
  const flag = (percent: number, bits: number): number => (chance(percent) ? bits : 0);
  const operations = sambaComputer("lab.test", {
    name,
    flags:
      flag(50, AccountFlags.trustedToAuthForDelegation) |
      flag(6, AccountFlags.notDelegated) |
      flag(5, AccountFlags.trustedForDelegation) |
      flag(4, AccountFlags.noAuthDataRequired) |
      flag(4, AccountFlags.disabled),
    services: ["host", "WSMAN", ...(chance(95) ? ["cifs"] : []), ...(chance(92) ? [migrationService] : [])],
    attributes: list.length === 0 ? {} : { "msDS-AllowedToDelegateTo": list },
  });
  const etypes = [[], "4", "8", "16", "28"][pick(20)];
  if (etypes !== undefined)
    operations.push({
      op: "modify",
      name: `${name}$`,
      attributes: { "msDS-SupportedEncryptionTypes": etypes },
    });
  if (chance(4)) operations.push({ op: "modify", name: `${name}$`, attributes: { accountExpires: longAgo } });
  if (chance(4))
    operations.push({ op: "modify", name: `${name}$`, attributes: { servicePrincipalName: [] } });
  return operations;
}

/** Resource-based delegation, which this KDC passes over. */
function grants(): SambaOperation[] {
  return hosts
    .filter(() => chance(25))
    .map((name) => ({
      op: "allow" as const,
      name: `${name}$`,
      from: hosts.filter((other) => other !== name && chance(20)).map((other) => `${other}$`),
    }))
    .filter(({ from }) => from.length > 0);
}

const seen = new Map<string, number>();

async function compare(count: number): Promise<string[]> {
  const { directory: view } = await loadFromLdap(ldap);
  const now = Date.now();
  const done = new Set<string>();
  const differences: string[] = [];
  while (done.size < count) {
    const person = people[pick(people.length)]!;
    const at = pick(hosts.length);
    const source = hosts[at]!;
    // Mostly towards where the entries point.
    const destination = hosts[chance(85) ? (at + 1 + pick(8) * 7) % hosts.length : pick(hosts.length)]!;
    if (source === destination) continue;
    const evidence: EvidenceMode = chance(60) ? "s4u2self" : "ticket";
    const start: StartKind = chance(8) ? "at-source" : "remote";
    const key = [person, source, destination, start === "remote" ? evidence : "", start].join(" ");
    if (done.has(key)) continue;
    done.add(key);
    const services: MigrationService[] = [chance(60) ? "migration" : "storage"];
    const spellings: NameSpelling[] = chance(20) ? ["full", "short"] : [chance(60) ? "full" : "short"];
    const request = { view, profile, start, evidence, now, services, spellings };
    const story = predict({ ...request, person, source, destination });
    const real = await player.play(story.exchanges, person, source);
    const predicted = told(story.exchanges);
    if (predicted.join() !== real.join())
      differences.push(`${key}: ${story.sentence} predicted ${predicted.join()}, real ${real.join()}`);
    const matrix = new PredictionMatrix({
      ...request,
      people: [person],
      sources: [source],
      destinations: [destination],
    });
    expect(matrix.outcome(0, 0, 0), key).toBe(story.outcome);
    const kind = `${story.outcome} ${story.reason?.id ?? ""}`;
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
  }
  return differences;
}

it(`Samba's KDC answers ${configurations} generated configurations as predicted, exchange by exchange`, async () => {
  const plain = await compare(configurations - withSensitiveKrbtgt);
  await domain.apply([
    {
      op: "modify",
      name: "krbtgt",
      attributes: { userAccountControl: String(0x202 | AccountFlags.notDelegated) },
    },
  ]);
  player.forget();
  const guarded = await compare(withSensitiveKrbtgt);
  // The set is worth something only if it reaches the refusals it is about.
  for (const outcome of [
    "works ",
    "fails kerberos-only",
    "fails not-trusted-to-authenticate",
    "fails delegation-not-configured",
    "fails target-not-listed",
    "fails list-spelling-escaped",
    "fails user-sensitive",
    "fails user-protected",
    "fails service-unknown",
    "fails service-tgt-not-forwardable",
    "fails evidence-without-pac",
    "fails client-disabled",
    "fails client-expired",
    "fails no-common-encryption-type",
  ])
    expect([...seen.keys()]).toContain(outcome);
  expect([...plain, ...guarded].slice(0, 20), `${plain.length + guarded.length} differences`).toEqual([]);
}, 300_000);
