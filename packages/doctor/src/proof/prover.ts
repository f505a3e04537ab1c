import { WaybillError } from "@waybill/base";
import type { Account, DirectoryView } from "@waybill/directory";
import {
  type Credential,
  type EncryptionKey,
  isForwardable,
  type KerberosClient,
  KerberosError,
  type Keytab,
  NameType,
  ntStatusName,
  type Principal,
} from "@waybill/kerberos";
import { evidenceBefore } from "../prediction/predict.ts";
import type { Exchange, Prediction } from "../prediction/story.ts";
import { exchangeKey, type Proof, type ProofStep, proofOf, type RealAnswer } from "./proof.ts";

export interface ProverOptions {
  readonly client: KerberosClient;
  /** Who is who: names of accounts and of their services. */
  readonly view: DirectoryView;
  /** Ticket-granting tickets of people who are signed in. */
  readonly tickets?: readonly Credential[] | undefined;
  /** Keys of hosts, management servers and, where there are any, of people. */
  readonly keytabs?: readonly Keytab[] | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for each exchange; 10 s unless told. */
  readonly timeout?: number | undefined;
}

interface Outcome {
  readonly real?: RealAnswer | undefined;
  readonly ticket?: Credential | undefined;
  /** Why there is no answer. */
  readonly note?: string | undefined;
}

/**
 * Makes the exchanges of predictions for real, as far as there are keys and tickets to ask with, and compares every
 * answer with the predicted one. An exchange that several predictions share is made once. Tickets stay in here: what
 * comes out are decisions, flags and codes.
 *
 * @example
 * const prover = new Prover({ client, view, keytabs: [await readKeytab("/etc/krb5.keytab")] });
 * const { verdict } = await prover.prove(predict({ view, person: "alice", source: "kvm01", destination: "kvm02" }));
 */
export class Prover {
  readonly #options: ProverOptions;
  readonly #made = new Map<string, Promise<Outcome>>();
  readonly #askable = new Map<string, boolean>();
  /** Set once no KDC answered: what has to wait for nothing is not asked. */
  #silence: string | undefined;

  constructor(options: ProverOptions) {
    this.#options = options;
  }

  /** Whether there is a key or a ticket of an account to ask with. */
  canAskAs(account: string): boolean {
    let can = this.#askable.get(account);
    if (can === undefined) {
      const found = this.#account(account);
      can = found !== undefined && (this.#keysOf(found).length > 0 || this.#ticketOf(found) !== undefined);
      this.#askable.set(account, can);
    }
    return can;
  }

  async prove(prediction: Prediction): Promise<Proof> {
    const outcomes = new Map<Exchange, Outcome>();
    const steps: ProofStep[] = [];
    for (const predicted of prediction.exchanges) {
      const evidence = evidenceBefore(prediction.exchanges, predicted);
      const key = [
        ...(evidence === undefined || predicted.kind !== "s4u2proxy" ? [] : exchangeKey(evidence)),
        ...exchangeKey(predicted),
      ].join("\n");
      let made = this.#made.get(key);
      if (made === undefined) {
        made = this.#make(prediction, predicted, evidence, (exchange) => outcomes.get(exchange)?.ticket);
        this.#made.set(key, made);
      }
      const outcome = await made;
      outcomes.set(predicted, outcome);
      steps.push(compare(predicted, outcome));
    }
    return proofOf(prediction, steps);
  }

  async #make(
    { exchanges }: Prediction,
    predicted: Exchange,
    evidence: Exchange | undefined,
    ticketOf: (exchange: Exchange) => Credential | undefined,
  ): Promise<Outcome> {
    const { kind, by, client: name, service } = predicted;
    const { client, signal, timeout = 10_000 } = this.#options;
    const options = { signal, timeout, fresh: true };
    const before = exchanges.slice(0, exchanges.indexOf(predicted));
    const login = before.findLast(
      (exchange) => (exchange.kind === "login" || exchange.kind === "host-login") && exchange.by === by,
    );
    const tgt = login === undefined ? undefined : ticketOf(login);
    switch (kind) {
      case "login":
      case "host-login":
        return await this.#login(predicted);
      case "service-ticket":
        if (tgt === undefined) return { note: `there is no ticket of ${by} to ask with` };
        return await this.#answer(() => client.getTicket({ tgt, server: this.#service(service) }, options));
      case "s4u2self":
        if (tgt === undefined) return { note: `there is no ticket of ${by} to ask with` };
        return await this.#answer(() => client.s4u2self({ tgt, user: this.#person(name) }, options));
      case "s4u2proxy": {
        if (tgt === undefined) return { note: `there is no ticket of ${by} to ask with` };
        const shown = evidence === undefined ? undefined : ticketOf(evidence);
        if (shown === undefined) return { note: `there is no ticket of ${name} to show as evidence` };
        return await this.#answer(() =>
          client.s4u2proxy({ tgt, evidence: shown, target: this.#service(service) }, options),
        );
      }
    }
  }

  async #login({ by, kind, decision, flags }: Exchange): Promise<Outcome> {
    const { client, signal, timeout = 10_000 } = this.#options;
    const account = this.#account(by);
    if (account === undefined) return { note: `${by} is not in the directory as it was read` };
    const keys = this.#keysOf(account);
    if (keys.length > 0) {
      const principal = this.#person(account.samAccountName);
      return await this.#answer(() =>
        client.login({ principal, keys, forwardable: true }, { signal, timeout }),
      );
    }
    const ticket = this.#ticketOf(account);
    if (ticket === undefined)
      return { note: `there is no ${kind === "login" ? "ticket or key" : "keytab with a key"} of ${by}` };
    const forwardable = isForwardable(ticket);
    if (decision === "refused") {
      return {
        ticket,
        note: `${by} holds a ticket from ${moment(ticket.authTime)}, which does not tell what a sign-in would be answered now`,
      };
    }
    if (flags.includes("forwardable") && !forwardable)
      return { note: `${by} holds a ticket that was not asked to be forwardable: sign in with kinit -f` };
    return {
      ticket,
      real: { decision: "granted", flags: forwardable ? ["forwardable"] : [], held: true },
      note: `from the ticket of ${moment(ticket.authTime)}`,
    };
  }

  async #answer(ask: () => Promise<Credential>): Promise<Outcome> {
    if (this.#silence !== undefined) return { note: this.#silence };
    try {
      const ticket = await ask();
      return { ticket, real: { decision: "granted", flags: isForwardable(ticket) ? ["forwardable"] : [] } };
    } catch (error) {
      if (!(error instanceof WaybillError) || error.code === "ABORTED") throw error;
      const refusal = error instanceof KerberosError && error.krbError !== undefined ? error : undefined;
      if (refusal !== undefined) return { real: refusedWith(refusal) };
      const note = `${error.message} [${error.code}]`;
      if (error.code === "KDC_UNREACHABLE") this.#silence = note;
      return { note };
    }
  }

  #account(name: string): Account | undefined {
    return this.#options.view.bySam(name);
  }

  /** The newest keys of an account in the keytabs, under whichever of its names they are kept. */
  #keysOf(account: Account): readonly EncryptionKey[] {
    const { keytabs = [], view } = this.#options;
    const names = new Set(
      [account.samAccountName, account.userPrincipalName?.split("@")[0], ...account.servicePrincipalNames]
        .filter((name) => name !== undefined)
        .map((name) => name.toLowerCase()),
    );
    const own = keytabs
      .flatMap(({ entries }) => entries)
      .filter(
        ({ principal }) =>
          principal.realm.toUpperCase() === view.domain.realm &&
          names.has(principal.components.join("/").toLowerCase()),
      );
    const newest = Math.max(...own.map(({ kvno }) => kvno));
    const keys = own.filter(({ kvno }) => kvno === newest).map(({ key }) => key);
    return [...new Map(keys.map((key) => [key.keytype, key])).values()];
  }

  #ticketOf({ samAccountName, userPrincipalName }: Account): Credential | undefined {
    const names = [samAccountName, userPrincipalName?.split("@")[0]].map((name) => name?.toLowerCase());
    return this.#options.tickets?.find(
      ({ client }) =>
        client.realm.toUpperCase() === this.#options.view.domain.realm &&
        names.includes(client.components.join("/").toLowerCase()),
    );
  }

  #person(name: string): Principal {
    const { realm } = this.#options.view.domain;
    return { realm, nameType: NameType.principal, components: [name] };
  }

  #service(spn: string): Principal {
    const { realm } = this.#options.view.domain;
    return { realm, nameType: NameType.srvInst, components: spn.split("/") };
  }
}

function refusedWith({ code, ntStatus }: KerberosError): RealAnswer {
  const status = ntStatus === undefined ? {} : { ntStatus: ntStatusName(ntStatus) };
  return { decision: "refused", flags: [], errorCode: code, ...status };
}

function compare(predicted: Exchange, { real, note }: Outcome): ProofStep {
  if (real === undefined) return { predicted, verdict: "not-tried", note };
  const same =
    real.decision === predicted.decision &&
    (real.decision === "granted"
      ? real.flags.includes("forwardable") === predicted.flags.includes("forwardable")
      : real.errorCode === predicted.errorCode && statusAgrees(predicted, real));
  return { predicted, verdict: same ? "agrees" : "differs", real, note: note ?? hintOf(predicted, real) };
}

/** Sign-ins are refused with a status that policy does not know of; where it predicts one, it must be that one. */
function statusAgrees(predicted: Exchange, real: RealAnswer): boolean {
  return predicted.ntStatus === undefined || predicted.ntStatus === real.ntStatus;
}

function hintOf({ by, decision }: Exchange, { errorCode }: RealAnswer): string | undefined {
  return decision === "granted" && errorCode === "KDC_ERR_PREAUTH_FAILED"
    ? `the key in the keytab is not the one that ${by} has in the domain`
    : undefined;
}

function moment(time: number): string {
  return `${new Date(time).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
