import { VirtualClock } from "@waybill/base";
import {
  AccessMask,
  AceType,
  actOnBehalfDescriptor,
  encodeSecurityDescriptor,
  type MemoryDirectory,
  WellKnownSid,
} from "@waybill/directory";
import { type Exchange, PredictionMatrix, predict, type StartKind } from "@waybill/doctor";
import { createTestDomain, type TestDomain } from "@waybill/kdc/testing";
import { type Credential, errorCodeName, KerberosError, type Keytab, TicketFlags } from "@waybill/kerberos";
import { expect, it } from "vitest";

// Generated configurations, each played twice: predicted over the directory, and for real by a client against the KDC.

const configurations = 2000;
const hosts = ["KVM01", "KVM02", "KVM03"] as const;
const people = ["alice", "bob"] as const;
const classes = ["Microsoft Virtual System Migration Service", "cifs"] as const;

/** A small generator with a fixed start (mulberry32), so that a failing configuration can be run again. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function configure(directory: MemoryDirectory, pick: (below: number) => number, now: number): void {
  const chance = (percent: number): boolean => pick(100) < percent;
  const group = "Delegators";
  for (const name of hosts) {
    const others = hosts.filter((other) => other !== name);
    const entries = others.flatMap((other) =>
      classes.flatMap((service) =>
        [other.toLowerCase(), `${other.toLowerCase()}.lab.test`].map((host) => `${service}/${host}`),
      ),
    );
    const to = chance(35) ? [] : entries.filter(() => chance(60));
    const from = chance(50) ? [] : others.filter(() => chance(60));
    directory.setDelegation(name, {
      to: chance(10) ? ["http/elsewhere.lab.test"] : to,
      protocol: chance(50) ? "any" : "kerberos",
      from,
    });
    const oddities: Record<number, Uint8Array> = {
      0: actOnBehalfDescriptor([WellKnownSid.everyone]),
      1: Uint8Array.of(1, 2, 3),
      2: encodeSecurityDescriptor({
        control: 0,
        owner: WellKnownSid.administrators,
        dacl: {
          revision: 4,
          aces: [
            {
              type: AceType.accessDenied,
              flags: 0,
              mask: AccessMask.controlAccess,
              sid: sid(directory, `${others[0]}$`),
            },
            {
              type: AceType.accessAllowed,
              flags: 0,
              mask: AccessMask.controlAccess,
              sid: WellKnownSid.everyone,
            },
          ],
        },
      }),
      3: actOnBehalfDescriptor([directory.groupBySam(group)?.sid ?? ""]),
    };
    const odd = oddities[pick(25)];
    if (odd !== undefined) directory.setAttributes(name, { "msDS-AllowedToActOnBehalfOfOtherIdentity": odd });
    directory.setFlags(name, {
      notDelegated: chance(6),
      accountDisable: chance(4),
      noAuthDataRequired: chance(3),
    });
    directory.setAttributes(name, { "msDS-SupportedEncryptionTypes": chance(4) ? "4" : "24" });
    join(directory, group, name, chance(40));
  }
  for (const name of people) {
    directory.setFlags(name, { notDelegated: chance(15), accountDisable: chance(5) });
    join(directory, "Protected Users", name, chance(15));
    const filetime = (moment: number): string => String((BigInt(moment) + 11_644_473_600_000n) * 10_000n);
    directory.setAttributes(name, {
      pwdLastSet: chance(5) ? "0" : filetime(now - 1000),
      accountExpires: chance(4) ? filetime(now - 1000) : "0",
    });
  }
  directory.setFlags("krbtgt", { notDelegated: chance(3) });
  const spn = `${classes[0]}/kvm03.lab.test`;
  const holder = pick(12);
  const own = directory.bySam("KVM03$")?.servicePrincipalNames.includes(spn) ?? false;
  if (holder === 0 && own) directory.removeSpn("KVM03", spn);
  else if (holder !== 0 && !own) directory.addSpn("KVM03", spn);
}

function join(directory: MemoryDirectory, group: string, name: string, member: boolean): void {
  if (member) directory.addMember(group, name);
  else directory.removeMember(group, name);
}

function sid(directory: MemoryDirectory, name: string): string {
  return directory.bySam(name)?.sid ?? "";
}

/** One answer of the KDC, as `predict` tells it. */
interface Answer {
  readonly service: string;
  readonly answer: string;
}

class Player {
  readonly #domain: TestDomain;
  readonly #keytabs = new Map<string, Keytab>();
  constructor(domain: TestDomain) {
    this.#domain = domain;
  }

  async play(
    person: string,
    source: string,
    start: StartKind,
    s4u2self: boolean,
    targets: readonly string[],
  ): Promise<Answer[]> {
    const { client } = this.#domain;
    const at = (name: string) => this.#domain.principal(name);
    const answers: Answer[] = [];
    const ask = async (service: string, work: () => Promise<Credential>): Promise<Credential | undefined> => {
      try {
        const ticket = await work();
        answers.push({
          service,
          answer: (ticket.flags & TicketFlags.forwardable) === 0 ? "granted" : "forwardable",
        });
        return ticket;
      } catch (error) {
        if (!(error instanceof KerberosError)) throw error;
        answers.push({
          service,
          answer: error.krbError === undefined ? error.code : errorCodeName(error.krbError.errorCode),
        });
        return undefined;
      }
    };
    const login = await ask("login", () => this.#login(person));
    if (login === undefined) return answers;
    const options = { fresh: true };
    if (start === "at-source") {
      for (const spn of targets)
        await ask(spn, () => client.getTicket({ tgt: login, server: at(spn) }, options));
      return answers;
    }
    const arrival = `WSMAN/${source.toLowerCase()}.lab.test`;
    const shown = await ask(arrival, () => client.getTicket({ tgt: login, server: at(arrival) }, options));
    if (shown === undefined) return answers;
    const tgt = await ask("host", () => this.#login(`${source}$`));
    if (tgt === undefined) return answers;
    const evidence = s4u2self
      ? await ask("self", () => client.s4u2self({ tgt, user: at(person) }, options))
      : shown;
    if (evidence === undefined) return answers;
    for (const spn of targets)
      await ask(spn, () => client.s4u2proxy({ tgt, evidence, target: at(spn) }, options));
    return answers;
  }

  async #login(name: string): Promise<Credential> {
    const keytab = this.#keytabs.get(name) ?? this.#domain.keytab(name);
    this.#keytabs.set(name, keytab);
    return await this.#domain.client.login({
      principal: this.#domain.principal(name),
      keytab,
      forwardable: true,
    });
  }
}

function told(exchanges: readonly Exchange[]): string[] {
  return exchanges.map(({ decision, flags, errorCode }) =>
    decision === "refused" ? (errorCode ?? "") : flags.includes("forwardable") ? "forwardable" : "granted",
  );
}

it(`predicts ${configurations} generated configurations as the KDC then answers them, exchange by exchange`, async () => {
  const clock = new VirtualClock();
  const domain = await createTestDomain({
    clock,
    users: [...people],
    computers: [...hosts],
    groups: [{ name: "Delegators" }],
  });
  const player = new Player(domain);
  const pick = generator(20_170_201);
  const { directory } = domain;
  const seen = new Map<string, number>();
  for (let index = 0; index < configurations; index++) {
    configure(directory, pick, clock.now());
    const person = people[pick(people.length)]!;
    const source = hosts[pick(hosts.length)]!;
    const destination = hosts.filter((host) => host !== source)[pick(2)]!;
    const start: StartKind = pick(8) === 0 ? "at-source" : "remote";
    const s4u2self = pick(2) === 0;
    const story = predict({
      view: directory,
      person,
      source,
      destination,
      start,
      evidence: s4u2self ? "s4u2self" : "ticket",
      services: [pick(2) === 0 ? "migration" : "storage"],
      spellings: [pick(2) === 0 ? "full" : "short"],
      now: clock.now(),
    });
    const targets = story.exchanges.flatMap(({ target, service }) => (target === undefined ? [] : [service]));
    const answers = await player.play(person, source, start, s4u2self, targets);
    expect(told(story.exchanges), `configuration ${index}: ${story.sentence}`).toEqual(
      answers.map(({ answer }) => answer),
    );
    const matrix = new PredictionMatrix({
      view: directory,
      people: [person],
      sources: [source],
      destinations: [destination],
      start,
      evidence: s4u2self ? "s4u2self" : "ticket",
      services: story.services,
      spellings: ["full", "short"],
      now: clock.now(),
    });
    const whole = predict({
      view: directory,
      person,
      source,
      destination,
      start,
      evidence: s4u2self ? "s4u2self" : "ticket",
      services: story.services,
      now: clock.now(),
    });
    expect(matrix.outcome(0, 0, 0), `configuration ${index}`).toBe(whole.outcome);
    const key = `${story.outcome} ${story.reason?.id ?? ""}`;
    seen.set(key, (seen.get(key) ?? 0) + 1);
    clock.advance(2000);
  }
  // The set is worth something only if it reaches the refusals it is about.
  for (const outcome of [
    "works ",
    "fails kerberos-only",
    "fails delegation-not-configured",
    "fails target-not-listed",
    "fails resource-does-not-grant",
    "fails user-sensitive",
    "fails user-protected",
    "fails krbtgt-sensitive",
    "fails service-unknown",
    "fails service-tgt-not-forwardable",
    "fails evidence-without-pac",
    "fails client-disabled",
  ])
    expect([...seen.keys()], JSON.stringify([...seen])).toContain(outcome);
  await domain.close();
}, 180_000);
