import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { emptyBytes, errorToJson, type Logger, WaybillError } from "@waybill/base";
import { LdapError } from "../errors.ts";
import type { BindRequest } from "../messages/ldap-message.ts";
import { channelBindings } from "../sasl/channel-binding.ts";
import type { SaslMechanism } from "../sasl/mechanism.ts";
import { SaslAcceptor } from "../sasl/sasl-acceptor.ts";
import type { SaslLayer } from "../sasl/sasl-layer.ts";
import type { SecurityContext, SecurityHandshake } from "../sasl/security-context.ts";
import type { LdapBackend, LdapSession } from "./backend.ts";
import { invalidCredentials, strongerAuthRequired } from "./bind-errors.ts";
import { refusal } from "./requests.ts";

/** A client that begins a SASL bind. */
export interface AcceptRequest {
  readonly mechanism: SaslMechanism;
  /** What the context may be bound to: application data of RFC 5929, all forms that name this TLS connection; empty without TLS. */
  readonly channelBindings: readonly Uint8Array[];
}

export interface AuthenticatorOptions<Identity, Context extends SecurityContext> {
  readonly backend: LdapBackend<Identity, Context>;
  readonly accept: ((request: AcceptRequest) => SecurityHandshake<Context>) | undefined;
  readonly requireSigning: boolean;
  readonly logger: Logger;
}

export type BindOutcome<Identity> =
  | { readonly done: false; readonly reply: Uint8Array }
  | {
      readonly done: true;
      readonly identity: Identity | undefined;
      readonly reply?: Uint8Array | undefined;
      readonly layer?: SaslLayer | undefined;
    };

export const mechanisms: readonly SaslMechanism[] = ["GSS-SPNEGO", "GSSAPI"];

/** Who the client of one connection is: simple and SASL binds, which may take several requests. */
export class Authenticator<Identity, Context extends SecurityContext> {
  readonly #options: AuthenticatorOptions<Identity, Context>;
  #sasl: SaslAcceptor<Context> | undefined;

  constructor(options: AuthenticatorOptions<Identity, Context>) {
    this.#options = options;
  }

  /** @throws LdapError the refusal; `replyOf` finds the token that goes with it. */
  async bind(
    request: BindRequest,
    session: LdapSession<Identity>,
    socket: Duplex,
  ): Promise<BindOutcome<Identity>> {
    const { version, name, authentication } = request;
    const going = this.#sasl;
    this.#sasl = undefined;
    if (version !== 3) throw refusal("protocolError", "only LDAP version 3 is spoken here");
    switch (authentication.kind) {
      case "simple":
        return { done: true, identity: await this.#simple(name, authentication.value, session) };
      case "sasl":
        return await this.#saslStep(going, authentication.value, session, socket);
      default:
        throw refusal("authMethodNotSupported", "NTLM is not spoken here; bind with SASL GSS-SPNEGO");
    }
  }

  async #simple(
    name: string,
    password: Uint8Array,
    session: LdapSession<Identity>,
  ): Promise<Identity | undefined> {
    if (password.length === 0) {
      if (name === "") return undefined;
      throw refusal("unwillingToPerform", "a bind with a name and no password proves nothing");
    }
    if (session.protection !== "confidential") throw strongerAuthRequired();
    return await this.#options.backend.bindSimple(name, password, session);
  }

  async #saslStep(
    going: SaslAcceptor<Context> | undefined,
    sasl: { mechanism: string; credentials?: Uint8Array | undefined },
    session: LdapSession<Identity>,
    socket: Duplex,
  ): Promise<BindOutcome<Identity>> {
    const acceptor =
      going?.mechanism === sasl.mechanism ? going : this.#begin(sasl.mechanism, session, socket);
    try {
      const step = await acceptor.step(sasl.credentials ?? emptyBytes);
      if (!step.done) {
        this.#sasl = acceptor;
        return step;
      }
      const identity = await this.#options.backend.bindSasl(step.context, session);
      return { done: true, identity, reply: step.reply, layer: step.layer };
    } catch (error) {
      if (error instanceof LdapError) throw error;
      this.#options.logger.info("ldap.sasl", {
        connection: session.id,
        peer: session.peer,
        ...errorToJson(error),
      });
      throw invalidCredentials(
        hasCode(error, "GSS_BAD_BINDINGS") ? "badChannelBinding" : "wrongPassword",
        error,
      );
    }
  }

  #begin(name: string, session: LdapSession<Identity>, socket: Duplex): SaslAcceptor<Context> {
    const { accept, requireSigning } = this.#options;
    const mechanism = mechanisms.find((known) => known === name);
    if (mechanism === undefined || accept === undefined) {
      throw refusal("authMethodNotSupported", "the SASL mechanisms here are GSS-SPNEGO and GSSAPI");
    }
    const bindings = socket instanceof TLSSocket ? channelBindings(socket, "server") : [];
    const insideTls = session.tls || session.local;
    return new SaslAcceptor(mechanism, accept({ mechanism, channelBindings: bindings }), {
      insideTls,
      requireSigning,
    });
  }
}

/** The mechanism's own word for a failure, for the client: GSS-API errors may carry a token. */
export function replyOf(error: unknown): Uint8Array | undefined {
  const cause = error instanceof LdapError ? error.cause : undefined;
  if (typeof cause !== "object" || cause === null || !("token" in cause)) return undefined;
  return cause.token instanceof Uint8Array ? cause.token : undefined;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof WaybillError && error.code === code;
}
