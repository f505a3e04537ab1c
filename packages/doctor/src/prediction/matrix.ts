import type { Account, DirectoryView } from "@waybill/directory";
import {
  type KdcProfile,
  protectedReason,
  s4u2proxyClientDecision,
  s4u2selfClientDecision,
  sensitiveReason,
} from "@waybill/kdc";
import { findHost, findPerson } from "../model/find-account.ts";
import {
  type MigrationService,
  type NameSpelling,
  type TargetName,
  targetNames,
} from "../model/service-names.ts";
import { predictLogin } from "./exchanges.ts";
import { type PredictionContext, type PredictionSettings, predictionContext } from "./facts.ts";
import { pairSetups } from "./pair-setups.ts";
import {
  type Approach,
  approachDestination,
  evidenceModeOf,
  exchangeWithTarget,
  managementServerOf,
  outcomeOf,
} from "./predict.ts";
import type { EvidenceMode, Exchange, Outcome, StartKind } from "./story.ts";

export interface MatrixRequest extends PredictionSettings {
  readonly view: DirectoryView;
  readonly people: readonly (string | Account)[];
  readonly sources: readonly (string | Account)[];
  /** The sources unless told. */
  readonly destinations?: readonly (string | Account)[] | undefined;
  readonly start?: StartKind | undefined;
  readonly managementServer?: string | Account | undefined;
  readonly evidence?: EvidenceMode | "auto" | undefined;
  readonly services?: readonly MigrationService[] | undefined;
  readonly spellings?: readonly NameSpelling[] | undefined;
}

const outcomes: readonly Outcome[] = ["works", "depends-on-name", "fails"];
const unknown = 255;

/**
 * The outcome of every person × source × destination. A decision is made once for every set of facts it can depend
 * on (what the person is, what evidence the source has, how the pair is set up) and kept; millions of cells then are
 * look-ups. Each kept decision is the answer of the very functions that `predict` calls.
 */
export class PredictionMatrix {
  readonly people: readonly Account[];
  readonly sources: readonly Account[];
  readonly destinations: readonly Account[];
  readonly #context: PredictionContext;
  readonly #start: StartKind;
  readonly #services: readonly MigrationService[];
  readonly #spellings: readonly NameSpelling[];
  /** By person: index of what they are. */
  readonly #kinds: Uint16Array;
  readonly #representatives: Account[] = [];
  /** By source and kind: index of the evidence. */
  readonly #evidence: Uint16Array;
  readonly #approaches: Approach[] = [];
  /** By source and destination: how the pair is set up. */
  readonly #setups: Uint16Array;
  readonly #targets: readonly (readonly TargetName[])[];
  /** By setup and evidence. */
  readonly #decided = new Map<number, number>();

  constructor(request: MatrixRequest) {
    const { view } = request;
    const context = predictionContext(view, request);
    this.#context = context;
    this.#start = request.start ?? "remote";
    this.#services = request.services ?? ["migration"];
    this.#spellings = request.spellings ?? ["full", "short"];
    this.people = request.people.map((person) => findPerson(view, person));
    this.sources = request.sources.map((host) => findHost(view, host));
    this.destinations = request.destinations?.map((host) => findHost(view, host)) ?? this.sources;
    this.#targets = this.destinations.map((host) =>
      targetNames(host, view.domain, this.#services, this.#spellings),
    );
    this.#kinds = this.#sortPeople();
    this.#evidence = this.#gatherEvidence(request);
    this.#setups = pairSetups(context, this.sources, this.destinations, this.#targets);
  }

  /** Whose rules were predicted. */
  get profile(): KdcProfile {
    return this.#context.profile;
  }

  /** @returns `undefined` where source and destination are one host */
  outcome(person: number, source: number, destination: number): Outcome | undefined {
    const code = this.code(person, source, destination);
    return code === unknown ? undefined : outcomes[code];
  }

  /** 0 works, 1 depends on the name, 2 fails, 255 the same host; indexes must be in range. */
  code(person: number, source: number, destination: number): number {
    const setup = this.#setups[source * this.destinations.length + destination] ?? 0;
    if (setup === 0) return unknown;
    const kind = this.#kinds[person] ?? 0;
    const evidence = this.#evidence[source * this.#representatives.length + kind] ?? 0;
    const key = setup * 65_536 + evidence;
    let code = this.#decided.get(key);
    if (code === undefined) {
      code = this.#decide(kind, evidence, source, destination);
      this.#decided.set(key, code);
    }
    return code;
  }

  /** Visits every cell with two different hosts. */
  forEach(visit: (person: number, source: number, destination: number, code: number) => void): void {
    for (let source = 0; source < this.sources.length; source++) {
      for (let destination = 0; destination < this.destinations.length; destination++) {
        for (let person = 0; person < this.people.length; person++) {
          const code = this.code(person, source, destination);
          if (code === unknown) break;
          visit(person, source, destination, code);
        }
      }
    }
  }

  /** How many cells there are of each outcome. */
  count(): Readonly<Record<Outcome, number>> {
    const counts = [0, 0, 0];
    const kinds = this.#representatives.map(() => 0);
    const firsts = this.#representatives.map(() => 0);
    for (let person = this.people.length - 1; person >= 0; person--) {
      const kind = this.#kinds[person] ?? 0;
      kinds[kind] = (kinds[kind] ?? 0) + 1;
      firsts[kind] = person;
    }
    for (let source = 0; source < this.sources.length; source++) {
      for (let destination = 0; destination < this.destinations.length; destination++) {
        for (let kind = 0; kind < kinds.length; kind++) {
          const code = this.code(firsts[kind] ?? 0, source, destination);
          if (code !== unknown) counts[code] = (counts[code] ?? 0) + (kinds[kind] ?? 0);
        }
      }
    }
    return { works: counts[0] ?? 0, "depends-on-name": counts[1] ?? 0, fails: counts[2] ?? 0 };
  }

  #decide(kind: number, evidence: number, source: number, destination: number): number {
    const approach = this.#approaches[evidence];
    const host = this.sources[source];
    const person = this.#representatives[kind];
    if (approach === undefined || host === undefined || person === undefined) return 2;
    const movement = { person, source: host, start: this.#start };
    const exchanges = (this.#targets[destination] ?? [])
      .map((target) => exchangeWithTarget(this.#context, approach, movement, target))
      .filter((exchange): exchange is Exchange => exchange !== undefined);
    return outcomes.indexOf(outcomeOf(exchanges, this.#services, this.#spellings));
  }

  /** People are alike when the KDC looks at the same facts of them. */
  #sortPeople(): Uint16Array {
    const { view, profile, now } = this.#context;
    const { domain } = view;
    const known = new Map<string, number>();
    return Uint16Array.from(this.people, (account) => {
      const subject = this.#context.subject(account);
      const login = predictLogin(this.#context, account, "login");
      const key = [
        login.decision,
        login.flags.length,
        s4u2selfClientDecision({ account, domain, now, profile }).allowed,
        s4u2proxyClientDecision({ account, domain, now, profile }).allowed,
        sensitiveReason(subject) !== undefined,
        protectedReason(subject, domain, profile) !== undefined,
      ].join();
      let kind = known.get(key);
      if (kind === undefined) {
        kind = this.#representatives.push(account) - 1;
        known.set(key, kind);
      }
      return kind;
    });
  }

  #gatherEvidence(request: MatrixRequest): Uint16Array {
    const { view } = request;
    const start = this.#start;
    const server = managementServerOf(view, request, start);
    const known = new Map<string, number>();
    const kinds = this.#representatives.length;
    const table = new Uint16Array(this.sources.length * kinds);
    for (const [index, source] of this.sources.entries()) {
      const mode = evidenceModeOf(view, source, start, request.evidence);
      for (const [kind, person] of this.#representatives.entries()) {
        const approach = approachDestination(this.#context, {
          person,
          source,
          server,
          start,
          evidence: mode,
        });
        const { proof } = approach;
        // What S4U2Proxy looks at besides the pair itself.
        const key =
          proof === undefined
            ? "none"
            : [
                proof.kind === "s4u2self",
                proof.flags.length,
                kind,
                source.allowedToDelegateTo.length === 0,
                source.userAccountControl & 0x2000000,
              ].join();
        let evidence = known.get(key);
        if (evidence === undefined) {
          evidence = this.#approaches.push(approach) - 1;
          known.set(key, evidence);
        }
        table[index * kinds + kind] = evidence;
      }
    }
    return table;
  }
}
