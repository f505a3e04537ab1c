import { randomUUID } from "node:crypto";
import {
  type Acceptor,
  createAcceptor,
  type Keytab,
  MemoryReplayCache,
  type SecurityContext,
} from "@waybill/kerberos";
import type { NegotiateBroker, NegotiateResult, SealedParts } from "../../src/index.ts";

/** Real Kerberos contexts in this process: what a host's service does behind its socket. */
export class GssBroker implements NegotiateBroker {
  readonly peers: string[] = [];
  readonly #keytab: Keytab;
  readonly #replayCache = new MemoryReplayCache();
  readonly #open = new Map<string, { acceptor: Acceptor; context?: SecurityContext }>();

  constructor(keytab: Keytab) {
    this.#keytab = keytab;
  }

  get size(): number {
    return this.#open.size;
  }

  async accept(id: string, token: Uint8Array): Promise<NegotiateResult> {
    await Promise.resolve();
    const held = this.#open.get(id) ?? {
      acceptor: createAcceptor({ keytab: this.#keytab, replayCache: this.#replayCache }),
    };
    this.#open.set(id, held);
    const { token: answer, context } = held.acceptor.step(token);
    if (context === undefined) return { established: false, token: answer };
    this.#open.set(id, { ...held, context });
    this.peers.push(context.peerName);
    return { established: true, token: answer, session: `${context.peerName}/${randomUUID()}` };
  }

  async unseal(id: string, header: Uint8Array, payload: Uint8Array): Promise<Uint8Array> {
    await Promise.resolve();
    return this.#context(id).unwrapWithHeader(header, payload);
  }

  async seal(id: string, plain: Uint8Array): Promise<SealedParts> {
    await Promise.resolve();
    return this.#context(id).wrapWithHeader(plain);
  }

  close(id: string): void {
    this.#open.delete(id);
  }

  #context(id: string): SecurityContext {
    const context = this.#open.get(id)?.context;
    if (context === undefined) throw new Error("the context is not established");
    return context;
  }
}
