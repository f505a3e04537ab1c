import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from "node:crypto";
import type {
  ClientSecurity,
  InitiatorContext,
  NegotiateBroker,
  NegotiateResult,
  SealedParts,
} from "../../src/index.ts";

/** Seals with AES-GCM and a sequence number: replays, reordering and tampering fail as with a real context. */
class ToyChannel {
  readonly #key: Buffer;
  #sent = 0;
  #received = 0;

  constructor(key: Buffer) {
    this.#key = key;
  }

  seal(plain: Uint8Array, direction: number): SealedParts {
    const iv = nonce(direction, this.#sent++);
    const cipher = createCipheriv("aes-256-gcm", this.#key, iv);
    const payload = Buffer.concat([cipher.update(plain), cipher.final()]);
    return { header: new Uint8Array(cipher.getAuthTag()), payload: new Uint8Array(payload) };
  }

  open(header: Uint8Array, payload: Uint8Array, direction: number): Uint8Array {
    const decipher = createDecipheriv("aes-256-gcm", this.#key, nonce(direction, this.#received++), {
      authTagLength: 16,
    });
    decipher.setAuthTag(header);
    return new Uint8Array(Buffer.concat([decipher.update(payload), decipher.final()]));
  }
}

function nonce(direction: number, sequence: number): Buffer {
  const iv = Buffer.alloc(12);
  iv.writeUInt32BE(direction, 0);
  iv.writeUInt32BE(sequence, 8);
  return iv;
}

/** The first token is `user:<name>` plus a key in clear: this is a test of HTTP and framing, not of Kerberos. */
export function toySecurity(user: string): ClientSecurity {
  return {
    scheme: "Negotiate",
    createContext: (): InitiatorContext => {
      const key = randomBytes(32);
      const channel = new ToyChannel(key);
      let leg = 0;
      return {
        step: (token) => {
          leg += 1;
          if (leg === 1)
            return { token: new Uint8Array(Buffer.from(`${user}:${key.toString("hex")}`)), done: false };
          if (token === undefined) return { done: false };
          if (Buffer.from(token).toString() === "more") return { token: Buffer.from("again"), done: false };
          return { done: Buffer.from(token).toString() === `hello ${user}` };
        },
        wrapWithHeader: (plain) => channel.seal(plain, 0),
        unwrapWithHeader: (header, payload) => channel.open(header, payload, 1),
      };
    },
  };
}

/** Accepts everyone but `mallory`; asks for as many extra legs as told. */
export class ToyBroker implements NegotiateBroker {
  readonly contexts = new Map<
    string,
    { user: string; channel: ToyChannel; session: string; legsLeft: number }
  >();
  readonly closed: string[] = [];
  readonly #extraLegs: number;

  constructor(extraLegs = 0) {
    this.#extraLegs = extraLegs;
  }

  accept(connectionId: string, token: Uint8Array): Promise<NegotiateResult> {
    let context = this.contexts.get(connectionId);
    if (context === undefined) {
      const [user, key] = Buffer.from(token).toString().split(":");
      if (user === undefined || key?.length !== 64 || user === "mallory") {
        return Promise.reject(new Error("token refused"));
      }
      context = {
        user,
        channel: new ToyChannel(Buffer.from(key, "hex")),
        session: `${user}/${randomUUID()}`,
        legsLeft: this.#extraLegs,
      };
      this.contexts.set(connectionId, context);
    }
    if (context.legsLeft-- > 0) return Promise.resolve({ established: false, token: Buffer.from("more") });
    const { user, session } = context;
    return Promise.resolve({ established: true, session, token: Buffer.from(`hello ${user}`) });
  }

  unseal(connectionId: string, header: Uint8Array, payload: Uint8Array): Promise<Uint8Array> {
    const context = this.contexts.get(connectionId);
    if (context === undefined) return Promise.reject(new Error("no such context"));
    return Promise.resolve().then(() => context.channel.open(header, payload, 0));
  }

  seal(connectionId: string, plain: Uint8Array): Promise<SealedParts> {
    const context = this.contexts.get(connectionId);
    if (context === undefined) return Promise.reject(new Error("no such context"));
    return Promise.resolve(context.channel.seal(plain, 1));
  }

  close(connectionId: string): void {
    this.closed.push(connectionId);
    this.contexts.delete(connectionId);
  }
}
