import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { silentLogger, systemClock, systemRandom } from "@waybill/base";
import {
  asExchange,
  type Credential,
  defaultEncTypes,
  type EncryptionKey,
  ErrorCode,
  type Exchange,
  ExchangeContext,
  errorCodeName,
  KdcOptions,
  KerberosClient,
  type Keytab,
  KrbError,
  NetworkTransport,
  type Principal,
  parsePrincipal,
  s4u2proxyExchange,
  s4u2selfExchange,
  staticLocator,
  ticketExchange,
} from "@waybill/kerberos";

export type Transport = "udp" | "tcp";
/** `unseen`: every request shows a ticket-granting ticket that was never shown before. */
export type Operation = "AS" | "TGS" | "TGS unseen" | "S4U2Self" | "S4U2Self unseen" | "S4U2Proxy";

export interface LoadTarget {
  readonly realm: string;
  readonly host: string;
  readonly port: number;
  /** Processes whose CPU time counts, with that of their children. */
  readonly pids: readonly number[];
  readonly users: Keytab;
  /** Keys of the middle tier, the service that acts for users. */
  readonly services: Keytab;
  readonly middle: string;
  readonly service: string;
  readonly proxyTarget: string;
}

interface LoadUser {
  readonly principal: Principal;
  readonly key: EncryptionKey;
}

const realm = "LAB.TEST";
const aes256 = 18;

/** Builds requests that no cache can answer, each with its own nonce, time and subkey, and plays them. */
export class LoadGenerator {
  readonly #target: LoadTarget;
  readonly #context: ExchangeContext;
  readonly #client: KerberosClient;
  readonly #users: readonly LoadUser[];
  #tgts: Credential[] = [];
  #middle: Credential | undefined;
  #evidence: Credential[] = [];
  #unseen: Credential[] = [];
  #preauthRequired: Uint8Array | undefined;

  constructor(target: LoadTarget) {
    this.#target = target;
    this.#context = new ExchangeContext({
      clock: systemClock,
      random: systemRandom,
      log: silentLogger,
      etypes: defaultEncTypes,
      maxReferrals: 0,
      path: () => undefined,
    });
    const locator = staticLocator({ [realm]: { kdc: [`tcp/${target.host}:${target.port}`] } });
    this.#client = new KerberosClient({ transport: new NetworkTransport({ locator }) });
    this.#users = target.users.entries
      .filter(({ key }) => key.keytype === aes256)
      .map(({ principal, key }) => ({ principal, key }));
  }

  /** Gets the tickets that so many requests are made of. */
  async prepare(operation: Operation, count: number): Promise<void> {
    const { services, middle } = this.#target;
    const users = this.#users.slice(0, 25);
    // Each time anew, as clients do: a cookie in it need not stay good for as long as a bench takes.
    if (operation === "AS") this.#preauthRequired = await this.#firstAnswer();
    if (operation === "TGS" && this.#tgts.length === 0) {
      for (const { principal, key } of users)
        this.#tgts.push(await this.#client.login({ principal, keys: [key] }));
    }
    if (operation.endsWith("unseen")) {
      this.#unseen = await this.#logins(count, operation.startsWith("TGS") ? this.#users : []);
    } else if (operation.startsWith("S4U")) {
      this.#middle ??= await this.#client.login({ principal: this.#name(middle), keytab: services });
    }
    if (operation === "S4U2Proxy" && this.#evidence.length === 0 && this.#middle !== undefined) {
      for (const { principal } of users) {
        this.#evidence.push(await this.#client.s4u2self({ tgt: this.#middle, user: principal }));
      }
    }
  }

  /** So many logins, of these users in turn or else of the middle tier. */
  async #logins(count: number, users: readonly LoadUser[]): Promise<Credential[]> {
    const tgts: Credential[] = [];
    const lane = async (): Promise<void> => {
      for (let index = count--; index > 0; index = count--) {
        const user = users[index % users.length];
        tgts.push(
          user === undefined
            ? await this.#client.login({
                principal: this.#name(this.#target.middle),
                keytab: this.#target.services,
              })
            : await this.#client.login({ principal: user.principal, keys: [user.key] }),
        );
      }
    };
    await Promise.all(Array.from({ length: 4 }, lane));
    return tgts;
  }

  build(operation: Operation, count: number): Uint8Array[] {
    return Array.from({ length: count }, (_, index) => this.#build(operation, index));
  }

  /**
   * Plays requests with `window` in flight, over TCP each in a connection of its own; throws when a single one is not
   * answered with a ticket.
   */
  async play(requests: readonly Uint8Array[], window: number, transport: Transport = "udp"): Promise<Played> {
    const before = this.#cpu();
    const start = performance.now();
    let next = 0;
    const take = (): Uint8Array | undefined => requests[next++];
    await Promise.all(
      Array.from({ length: window }, async () =>
        transport === "udp" ? await this.#udpLane(take) : await this.#tcpLane(take),
      ),
    );
    return {
      seconds: (performance.now() - start) / 1000,
      cpuMicroseconds: (this.#cpu() - before) / requests.length,
    };
  }

  async #udpLane(take: () => Uint8Array | undefined): Promise<void> {
    const socket = createSocket("udp4");
    socket.connect(this.#target.port, this.#target.host);
    await once(socket, "connect");
    for (let request = take(); request !== undefined; request = take()) {
      const [reply] = (await exchange(socket, request)) as [Buffer];
      // Too big for its datagrams: asked again over TCP, as every client does.
      checkIssued(reply[0] === krbErrorTag && isTooBig(reply) ? await this.#overTcp(request) : reply);
    }
    socket.close();
  }

  async #tcpLane(take: () => Uint8Array | undefined): Promise<void> {
    for (let request = take(); request !== undefined; request = take()) {
      checkIssued(await this.#overTcp(request));
    }
  }

  async #overTcp(request: Uint8Array): Promise<Uint8Array> {
    const { host, port } = this.#target;
    const socket = connect({ host, port, noDelay: true });
    const framed = Buffer.alloc(4 + request.length);
    framed.writeUInt32BE(request.length);
    framed.set(request, 4);
    socket.write(framed);
    let received = Buffer.alloc(0);
    while (received.length < 4 || received.length < 4 + received.readUInt32BE()) {
      const [part] = (await once(socket, "data", { signal: AbortSignal.timeout(10_000) })) as [Buffer];
      received = Buffer.concat([received, part]);
    }
    socket.destroy();
    return received.subarray(4);
  }

  #cpu(): number {
    return this.#target.pids.flatMap(withChildren).reduce((sum, pid) => sum + cpuMicroseconds(pid), 0);
  }

  #name(text: string): Principal {
    return parsePrincipal(text, { defaultRealm: realm });
  }

  async #firstAnswer(): Promise<Uint8Array> {
    const { principal, key } = this.#users[0]!;
    const socket = createSocket("udp4");
    socket.connect(this.#target.port, this.#target.host);
    await once(socket, "connect");
    const request = message(asExchange(this.#context, { principal, keys: [key] }).next());
    const [reply] = (await exchange(socket, request)) as [Buffer];
    socket.close();
    return reply;
  }

  #build(operation: Operation, index: number): Uint8Array {
    const context = this.#context;
    const { service, proxyTarget } = this.#target;
    const user = this.#users[index % this.#users.length]!;
    switch (operation) {
      case "AS": {
        const run = asExchange(context, { principal: user.principal, keys: [user.key] });
        run.next();
        return message(run.next(this.#preauthRequired!));
      }
      case "TGS":
      case "TGS unseen": {
        const tgt = operation === "TGS" ? this.#tgts[index % this.#tgts.length]! : this.#unseen.pop()!;
        return first(
          ticketExchange(context, tgt, this.#name(service), { kdcOptions: KdcOptions.forwardable }),
        );
      }
      case "S4U2Self":
      case "S4U2Self unseen": {
        const tgt = operation === "S4U2Self" ? this.#middle! : this.#unseen.pop()!;
        return first(s4u2selfExchange(context, { tgt, user: user.principal }));
      }
      case "S4U2Proxy": {
        const evidence = this.#evidence[index % this.#evidence.length]!;
        const target = this.#name(proxyTarget);
        return first(s4u2proxyExchange(context, { tgt: this.#middle!, evidence, target }));
      }
    }
  }
}

export interface Played {
  readonly seconds: number;
  readonly cpuMicroseconds: number;
}

const krbErrorTag = 0x7e;

function isTooBig(reply: Uint8Array): boolean {
  return KrbError.decode(reply).errorCode === ErrorCode.KRB_ERR_RESPONSE_TOO_BIG;
}

function checkIssued(reply: Uint8Array): void {
  if (reply[0] === 0x6b || reply[0] === 0x6d) return;
  throw new Error(`a request was refused: ${errorCodeName(KrbError.decode(reply).errorCode)}`);
}

function first(exchange: Exchange<unknown>): Uint8Array {
  return message(exchange.next());
}

function message(step: IteratorResult<{ message: Uint8Array }, unknown>): Uint8Array {
  if (step.done === true) throw new Error("the exchange ended without a request");
  return step.value.message;
}

async function exchange(socket: ReturnType<typeof createSocket>, request: Uint8Array): Promise<unknown[]> {
  const answer = once(socket, "message", { signal: AbortSignal.timeout(5000) });
  socket.send(request);
  return await answer;
}

/** Heimdal's kdc and our workers are children of the process that was started. */
export function withChildren(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return [pid, ...(children === "" ? [] : children.split(" ").map(Number).flatMap(withChildren))];
}

/** CPU time of all threads of a process, from the scheduler's own books. */
export function cpuMicroseconds(pid: number): number {
  return readdirSync(`/proc/${pid}/task`)
    .map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]) / 1000)
    .reduce((sum, value) => sum + value, 0);
}
