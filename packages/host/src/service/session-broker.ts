import { randomUUID } from "node:crypto";
import type { Clock, Logger } from "@waybill/base";
import {
  type Acceptor,
  createAcceptor,
  type Keytab,
  type ReplayCache,
  type SecurityContext,
} from "@waybill/kerberos";
import type { Caller } from "../authorization/caller.ts";
import { evidenceTicket, readCaller } from "../authorization/read-caller.ts";
import { HostError, Hresult } from "../errors.ts";
import type { Subject } from "../evidence/delegation-broker.ts";
import { sessionEnded } from "./refusals.ts";

/** A person who has proved who they are on one connection of the listener. */
export interface Session {
  readonly id: string;
  readonly caller: Caller;
  /** What the service may show to a KDC for them. Never leaves this process. */
  readonly subject: Subject;
}

interface Connection {
  readonly acceptor: Acceptor;
  context?: SecurityContext | undefined;
  session?: Session | undefined;
}

/** More connections than the listener ever serves at once; a listener that asks for more is not ours any more. */
const maxConnections = 2048;

/**
 * Accepts people's tokens and seals for them. Keys, tickets and contexts stay here: the listener sees tokens that
 * it cannot use, and plain text of the connections it serves.
 */
export class SessionBroker {
  readonly #keytab: () => Keytab;
  readonly #replayCache: ReplayCache;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #channelBindingsRequired: boolean;
  /** By listener process, so that one cannot touch another's connections. */
  readonly #connections = new Map<object, Map<string, Connection>>();

  /** @param channelBindingsRequired refuse clients that do not bind themselves to the TLS connection they came on. */
  constructor(
    keytab: () => Keytab,
    replayCache: ReplayCache,
    logger: Logger,
    clock: Clock,
    channelBindingsRequired = false,
  ) {
    this.#channelBindingsRequired = channelBindingsRequired;
    this.#keytab = keytab;
    this.#replayCache = replayCache;
    this.#logger = logger;
    this.#clock = clock;
  }

  /** @param channel what the listener says that the TLS connection is called; without it there was none. */
  accept(
    peer: object,
    connection: string,
    token: Uint8Array,
    channel?: Uint8Array,
  ): { token?: Uint8Array | undefined; established: boolean; session?: string | undefined } {
    const held = this.#connection(peer, connection) ?? this.#open(peer, connection, channel);
    const step = held.acceptor.step(token);
    if (step.context === undefined) return { token: step.token, established: false };
    if (!step.context.confidentiality) {
      throw new HostError(`${step.context.peerName} did not ask for confidentiality`, {
        code: "CONFIDENTIALITY_REQUIRED",
        family: "peer",
        hresult: Hresult.accessDenied,
        remedy: "Use a client that encrypts its messages (WinRM's message encryption).",
      });
    }
    const caller = readCaller(step.context);
    held.context = step.context;
    held.session = {
      id: randomUUID(),
      caller,
      subject: {
        principal: step.context.peer,
        ticket: evidenceTicket(step.context),
        forwarded: step.context.delegatedCredentials?.[0],
      },
    };
    this.#logger.info("signed-in", { person: caller.principal, assertedBy: caller.assertedBy });
    return { token: step.token, established: true, session: held.session.id };
  }

  unseal(peer: object, connection: string, header: Uint8Array, payload: Uint8Array): Uint8Array {
    return this.#established(peer, connection).unwrapWithHeader(header, payload);
  }

  seal(peer: object, connection: string, plain: Uint8Array): { header: Uint8Array; payload: Uint8Array } {
    return this.#established(peer, connection).wrapWithHeader(plain);
  }

  close(peer: object, connection: string): void {
    this.#connections.get(peer)?.delete(connection);
  }

  closeAll(peer: object): void {
    this.#connections.delete(peer);
  }

  /** @throws HostError `SESSION_UNKNOWN` for a session that is not one of this listener's live ones. */
  session(peer: object, id: string): Session {
    for (const { session, context } of this.#connections.get(peer)?.values() ?? []) {
      if (session?.id !== id) continue;
      if (context !== undefined && context.endTime > this.#clock.now()) return session;
    }
    throw sessionEnded();
  }

  #connection(peer: object, connection: string): Connection | undefined {
    return this.#connections.get(peer)?.get(connection);
  }

  #open(peer: object, connection: string, channel: Uint8Array | undefined): Connection {
    let connections = this.#connections.get(peer);
    if (connections === undefined) {
      connections = new Map();
      this.#connections.set(peer, connections);
    }
    if (connections.size >= maxConnections) {
      throw new HostError(`${maxConnections} connections are open already`, {
        code: "TOO_MANY_CONNECTIONS",
        family: "environment",
        remedy: "Wait until others have closed theirs; a listener that never closes any should be restarted.",
      });
    }
    const acceptor = createAcceptor({
      keytab: this.#keytab(),
      replayCache: this.#replayCache,
      requirePac: true,
      ...(channel === undefined
        ? {}
        : {
            channelBindings: { applicationData: channel },
            requireChannelBindings: this.#channelBindingsRequired,
          }),
    });
    const opened: Connection = { acceptor };
    connections.set(connection, opened);
    return opened;
  }

  #established(peer: object, connection: string): SecurityContext {
    const context = this.#connection(peer, connection)?.context;
    if (context !== undefined) return context;
    throw new HostError("the connection is not authenticated", {
      code: "SESSION_UNKNOWN",
      family: "caller",
      hresult: Hresult.accessDenied,
      remedy: "Sign in again.",
    });
  }
}
