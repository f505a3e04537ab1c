import type { Exchange } from "@waybill/doctor";
import {
  type Credential,
  type KerberosClient,
  KerberosError,
  type Keytab,
  type Principal,
  parsePrincipal,
  readKeytab,
  TicketFlags,
} from "@waybill/kerberos";
import type { SambaDomain } from "../../../kerberos/test/support/samba-domain.ts";

interface Answer {
  readonly said: string;
  readonly ticket: Credential | undefined;
}

/** Makes the exchanges of a prediction for real, against Samba's KDC. Equal exchanges are made once. */
export class SambaPlayer {
  readonly #domain: SambaDomain;
  readonly #client: KerberosClient;
  readonly #keytabs = new Map<string, Keytab>();
  readonly #answers = new Map<string, Promise<Answer>>();
  /** How many exchanges were made. */
  exchanges = 0;

  constructor(domain: SambaDomain) {
    this.#domain = domain;
    this.#client = domain.newClient();
  }

  /** Reads the keys of accounts, by sAMAccountName. */
  async adopt(names: readonly string[]): Promise<void> {
    const keytab = await readKeytab(await this.#domain.exportKeytab(...names));
    for (const name of names) this.#keytabs.set(name, keytab);
  }

  /** After a change to the directory. */
  forget(): void {
    this.#answers.clear();
  }

  principal(name: string): Principal {
    return parsePrincipal(name, { defaultRealm: this.#domain.realm });
  }

  /** What the KDC answers to the exchanges, in their order. */
  async play(exchanges: readonly Exchange[], person: string, source: string): Promise<string[]> {
    const answers: string[] = [];
    const held = new Map<string, Credential>();
    const self = exchanges.some(({ kind }) => kind === "s4u2self");
    const host = `${source.replace(/\$$/, "")}$`;
    const fresh = { fresh: true };
    const tgt = (kind: string): Credential => held.get(kind)!;
    for (const { kind, service } of exchanges) {
      const target = this.principal(service);
      const { said, ticket } = await this.#once(`${kind} ${person} ${host} ${service} ${self}`, kind, () => {
        switch (kind) {
          case "login":
            return this.#login(person);
          case "host-login":
            return this.#login(host);
          case "service-ticket":
            return this.#client.getTicket({ tgt: tgt("login"), server: target }, fresh);
          case "s4u2self":
            return this.#client.s4u2self({ tgt: tgt("host-login"), user: this.principal(person) }, fresh);
          case "s4u2proxy": {
            const evidence = tgt(self ? "s4u2self" : "service-ticket");
            return this.#client.s4u2proxy({ tgt: tgt("host-login"), evidence, target }, fresh);
          }
        }
      });
      answers.push(said);
      if (ticket !== undefined) held.set(kind, ticket);
    }
    return answers;
  }

  async #login(name: string): Promise<Credential> {
    const keytab = this.#keytabs.get(name)!;
    return await this.#client.login({ principal: this.principal(name), keytab, forwardable: true });
  }

  async #once(key: string, kind: string, ask: () => Promise<Credential>): Promise<Answer> {
    const name = kind === "login" || kind === "host-login" ? key.split(" ", 3).join(" ") : key;
    const known = this.#answers.get(name) ?? this.#answer(ask);
    this.#answers.set(name, known);
    return await known;
  }

  async #answer(ask: () => Promise<Credential>): Promise<Answer> {
    this.exchanges++;
    try {
      const ticket = await ask();
      return { said: (ticket.flags & TicketFlags.forwardable) === 0 ? "granted" : "forwardable", ticket };
    } catch (error) {
      if (error instanceof KerberosError) return { said: error.code, ticket: undefined };
      throw error;
    }
  }
}

/** A prediction in the same words. */
export function told(exchanges: readonly Exchange[]): string[] {
  return exchanges.map(({ decision, flags, errorCode }) =>
    decision === "refused" ? (errorCode ?? "") : flags.includes("forwardable") ? "forwardable" : "granted",
  );
}
