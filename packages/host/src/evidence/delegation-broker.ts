import { type Logger, WaybillError } from "@waybill/base";
import {
  type Credential,
  formatPrincipal,
  isForwardable,
  type KerberosClient,
  KerberosError,
  type Principal,
  parsePrincipal,
} from "@waybill/kerberos";
import type { EvidenceMode } from "../config/host-config.ts";
import { HostError, Hresult } from "../errors.ts";
import type { ExchangeStep } from "./exchange-step.ts";
import type { HostIdentity } from "./host-identity.ts";

/** The two messages of a migration that finds no usable credential, as Hyper-V hosts print them. */
export const seedMessages = [
  "No credentials are available in the security package (0x8009030E).",
  "The Virtual Machine Management Service failed to authenticate the connection for a Virtual Machine migration at the source host: no suitable credentials available.",
] as const;

/** A person whose session the service holds. */
export interface Subject {
  readonly principal: Principal;
  /** Their own service ticket to this host, when they came with one and the service kept it. */
  readonly ticket?: Credential | undefined;
  /** A ticket-granting ticket they forwarded, as if they had signed in here. */
  readonly forwarded?: Credential | undefined;
}

/** How the host came to a ticket in a person's name. */
export type EvidenceKind = "ticket" | "s4u2self" | "forwarded";

export interface DelegatedCredential {
  readonly credential: Credential;
  readonly evidence: EvidenceKind;
  readonly steps: readonly ExchangeStep[];
}

/** A refusal that remembers the exchanges that led to it. */
export class DelegationError extends HostError {
  readonly steps: readonly ExchangeStep[];

  constructor(
    message: string,
    steps: readonly ExchangeStep[],
    details: { remedy: string; cause: unknown; facts: Record<string, string | boolean> },
  ) {
    super(message, {
      code: "NO_SUITABLE_CREDENTIALS",
      family: "environment",
      hresult: Hresult.noCredentials,
      ...details,
    });
    this.steps = steps;
  }

  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), steps: this.steps };
  }
}

/**
 * Gets tickets to other hosts in people's names: S4U2Proxy with the evidence the mode allows.
 *
 * - `ticket`: the caller's own service ticket, as Windows Server 2012 R2 had it within reach;
 * - `s4u2self`: a ticket the host gets by itself, as Windows Server 2016 and later do;
 * - `auto`: the first if there is one and it is forwardable, else the second.
 */
export class DelegationBroker {
  readonly #client: KerberosClient;
  readonly #identity: HostIdentity;
  readonly #mode: () => EvidenceMode;
  readonly #logger: Logger;

  constructor(client: KerberosClient, identity: HostIdentity, mode: () => EvidenceMode, logger: Logger) {
    this.#client = client;
    this.#identity = identity;
    this.#mode = mode;
    this.#logger = logger;
  }

  /** @throws DelegationError `NO_SUITABLE_CREDENTIALS` (0x8009030E) with every step that was tried. */
  async credentialFor(subject: Subject, service: string, signal?: AbortSignal): Promise<DelegatedCredential> {
    const steps: ExchangeStep[] = [];
    const target = parsePrincipal(`${service}@${this.#identity.principal.realm}`);
    if (subject.forwarded !== undefined)
      return await this.#asThePerson(subject, subject.forwarded, target, steps, signal);
    try {
      return await this.#onBehalf(subject, target, steps, signal);
    } catch (error) {
      // The host's own ticket carries what the directory said when it was made: look once more with a new one.
      if (!(error instanceof DelegationError) || !this.#identity.purgeIfOld()) throw error;
      this.#logger.info("delegation-tried-again", { person: name(subject.principal), service });
      return await this.#onBehalf(subject, target, [], signal);
    }
  }

  /** The person signed in here with a ticket-granting ticket of their own: nobody acts for them. */
  async #asThePerson(
    subject: Subject,
    tgt: Credential,
    target: Principal,
    steps: ExchangeStep[],
    signal: AbortSignal | undefined,
  ): Promise<DelegatedCredential> {
    const asked = `${name(subject.principal)} → KDC, with the ticket forwarded to this host: a ticket to ${target.components.join("/")}`;
    try {
      const credential = await this.#client.getTicket({ tgt, server: target }, { signal });
      steps.push({ exchange: "TGS", asked, outcome: "ok", forwardable: isForwardable(credential) });
      return { credential, evidence: "forwarded", steps };
    } catch (error) {
      if (!(error instanceof KerberosError)) throw error;
      steps.push({ exchange: "TGS", asked, outcome: "refused", code: error.code, why: bestGuess(error) });
      throw this.#noCredentials(subject, target, steps, error);
    }
  }

  async #onBehalf(
    subject: Subject,
    target: Principal,
    steps: ExchangeStep[],
    signal: AbortSignal | undefined,
  ): Promise<DelegatedCredential> {
    const service = target.components.join("/");
    const tgt = await this.#identity.ticketGrantingTicket(signal);
    const { evidence, kind } = await this.#evidence(subject, target, tgt, steps, signal);
    const asked = `${name(this.#identity.principal)} → KDC: a ticket to ${service} on behalf of ${name(subject.principal)}`;
    try {
      // Never from a cache: what the directory says now counts, in both directions.
      const credential = await this.#client.s4u2proxy({ tgt, evidence, target }, { signal, fresh: true });
      steps.push({ exchange: "S4U2Proxy", asked, outcome: "ok", forwardable: isForwardable(credential) });
      this.#logger.info("delegated", { person: name(subject.principal), service, evidence: kind });
      return { credential, evidence: kind, steps };
    } catch (error) {
      if (!(error instanceof KerberosError)) throw error;
      steps.push({
        exchange: "S4U2Proxy",
        asked,
        outcome: "refused",
        code: error.code,
        why: bestGuess(error),
      });
      throw this.#noCredentials(subject, target, steps, error);
    }
  }

  async #evidence(
    subject: Subject,
    target: Principal,
    tgt: Credential,
    steps: ExchangeStep[],
    signal: AbortSignal | undefined,
  ): Promise<{ evidence: Credential; kind: "ticket" | "s4u2self" }> {
    const mode = this.#mode();
    const { ticket } = subject;
    if (mode !== "s4u2self") {
      const usable = ticket !== undefined && isForwardable(ticket);
      const shown = ticket !== undefined && (usable || mode === "ticket");
      steps.push({
        exchange: "evidence",
        asked: `the service ticket ${name(subject.principal)} came with`,
        outcome: shown ? "ok" : "skipped",
        ...(ticket === undefined ? { why: "there is none in this session" } : { forwardable: usable }),
      });
      if (shown) return { evidence: ticket, kind: "ticket" };
      if (mode === "ticket") throw this.#noCredentials(subject, target, steps, undefined);
    }
    const asked = `${name(this.#identity.principal)} → KDC: a ticket to itself in the name of ${name(subject.principal)}`;
    try {
      const evidence = await this.#client.s4u2self({ tgt, user: subject.principal }, { signal, fresh: true });
      const forwardable = isForwardable(evidence);
      steps.push({
        exchange: "S4U2Self",
        asked,
        outcome: "ok",
        forwardable,
        ...(forwardable ? {} : { why: "the KDC withheld the forwardable flag" }),
      });
      return { evidence, kind: "s4u2self" };
    } catch (error) {
      if (!(error instanceof KerberosError)) throw error;
      steps.push({
        exchange: "S4U2Self",
        asked,
        outcome: "refused",
        code: error.code,
        why: bestGuess(error),
      });
      throw this.#noCredentials(subject, target, steps, error);
    }
  }

  #noCredentials(
    subject: Subject,
    target: Principal,
    steps: readonly ExchangeStep[],
    cause: unknown,
  ): DelegationError {
    const person = name(subject.principal);
    const causes = cause instanceof KerberosError ? (cause.explanation?.causes ?? []) : [];
    const known = cause instanceof WaybillError ? cause.message : "There is no evidence to show to the KDC.";
    const ranked = causes.map((each, index) => `  ${index + 1}. ${each.cause}`).join("\n");
    // One code hides many reasons: all that fit are told, since only the directory knows which it is.
    const why =
      causes.length > 1
        ? `What fits the KDC's answer, the likeliest first:\n${ranked}`
        : (causes[0]?.cause ?? known);
    const ask = `Ask the doctor which it is: waybill doctor --person ${subject.principal.components[0]} --from ${this.#identity.host} --to ${target.components[1] ?? ""}`;
    return new DelegationError(`${seedMessages.join("\n")}\n${why}`, steps, {
      cause,
      facts: { person, service: target.components.join("/") },
      remedy: causes[0] === undefined ? ask : `${causes[0].remedy} ${causes.length > 1 ? ask : ""}`.trim(),
    });
  }
}

/** The likeliest of the reasons that fit, and said to be no more than that. */
function bestGuess(error: KerberosError): string {
  const [first, ...others] = error.explanation?.causes ?? [];
  if (first === undefined) return error.message;
  return others.length === 0 ? first.cause : `most likely ${first.cause}`;
}

function name(principal: Principal): string {
  return formatPrincipal(principal, { display: true });
}
