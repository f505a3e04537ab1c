import type { Credential } from "../client/credential.ts";
import { GssError } from "./gss-error.ts";
import type { Handshake, StepResult } from "./handshake.ts";
import { type AcceptorOptions, Krb5Acceptor } from "./krb5-acceptor.ts";
import { type InitiatorOptions, Krb5Initiator } from "./krb5-initiator.ts";
import type { SecurityContext } from "./security-context.ts";
import { SpnegoAcceptor } from "./spnego-acceptor.ts";
import { SpnegoInitiator } from "./spnego-initiator.ts";

/** `krb5` frames Kerberos tokens barely, `spnego` negotiates (HTTP Negotiate, GSS-SPNEGO). */
export type Mechanism = "krb5" | "spnego";

/** An initiator needs `credential`, or `ticketSource` and a call of `prepare`. */
export interface CreateInitiatorOptions extends Omit<InitiatorOptions, "credential"> {
  /** A ticket for the service; without it `ticketSource` is asked. */
  readonly credential?: Credential | undefined;
  /** Gets the ticket when `prepare` is called. */
  readonly ticketSource?: ((signal?: AbortSignal) => Promise<Credential>) | undefined;
  /** Default `spnego`. */
  readonly mechanism?: Mechanism | undefined;
}

/** The client's side of a security context in the making. */
export interface Initiator extends Handshake {
  /** Gets the ticket, if it is not there yet; `step` works from then on. */
  prepare(signal?: AbortSignal): Promise<void>;
  /** There once `step` said `done`. */
  readonly context: SecurityContext | undefined;
}

/** The service's side. One per connection; options such as the replay cache are shared. */
export interface Acceptor extends Handshake {
  readonly context: SecurityContext | undefined;
}

/**
 * Begins a context as client.
 *
 * @example
 * const initiator = createInitiator({ credential });
 * const { token } = initiator.step();              // send it
 * const { context } = initiator.step(answer);      // established
 */
export function createInitiator(options: CreateInitiatorOptions): Initiator {
  const { credential, ticketSource, mechanism, ...rest } = options;
  const start = (ticket: Credential): Handshake =>
    mechanism === "krb5"
      ? new Krb5Initiator({ ...rest, credential: ticket })
      : new SpnegoInitiator({ ...rest, credential: ticket });
  let handshake = credential === undefined ? undefined : start(credential);
  let context: SecurityContext | undefined;
  return {
    async prepare(signal) {
      if (handshake !== undefined) return;
      if (ticketSource === undefined)
        throw noCredential("neither a credential nor a ticket source was given");
      handshake = start(await ticketSource(signal));
    },
    step(token): StepResult {
      if (handshake === undefined) throw noCredential("there is no ticket yet: prepare() gets it");
      const result = handshake.step(token);
      context = result.context;
      return result;
    },
    get context() {
      return context;
    },
  };
}

/**
 * Begins a context as service. Takes SPNEGO, bare Kerberos and DCE-style tokens alike; with mechanism `krb5` no SPNEGO.
 *
 * @throws GssError from `step`; its `token` goes to the client before the connection is closed
 */
export function createAcceptor(
  options: AcceptorOptions & { readonly mechanism?: Mechanism | undefined },
): Acceptor {
  const handshake = options.mechanism === "krb5" ? new Krb5Acceptor(options) : new SpnegoAcceptor(options);
  let context: SecurityContext | undefined;
  return {
    step(token): StepResult {
      const result = handshake.step(token);
      context = result.context;
      return result;
    },
    get context() {
      return context;
    },
  };
}

function noCredential(message: string): GssError {
  return new GssError("GSS_NO_CREDENTIAL", message, { family: "caller" });
}
