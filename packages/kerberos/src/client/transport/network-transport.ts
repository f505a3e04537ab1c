import { AbortedError, type WaybillError } from "@waybill/base";
import { KerberosError } from "../../errors.ts";
import { ErrorCode } from "../../registry/error-code.ts";
import type { KdcTransport, TransportOptions } from "../exchange.ts";
import { readKrbError } from "../krb-error.ts";
import type { KdcEndpoint, KdcLocator } from "./endpoint.ts";
import { type ProxyTlsOptions, proxyExchange } from "./kkdcp.ts";
import { tcpExchange } from "./tcp.ts";
import { type Attempt, udpExchange } from "./udp.ts";

/** Where the KDCs are, and how long to wait for each. */
export interface NetworkTransportOptions {
  readonly locator: KdcLocator;
  /** Requests longer than this many bytes go over TCP first (`udp_preference_limit`). Default: 1465. */
  readonly udpPreferenceLimit?: number | undefined;
  /** Milliseconds to wait for one KDC before asking the next as well. Default: 1000. */
  readonly patience?: number | undefined;
  readonly proxyTls?: ProxyTlsOptions | undefined;
}

type Step = { readonly protocol: "udp" | "tcp" | "https"; readonly endpoint: KdcEndpoint };

/**
 * Kerberos over the network: UDP with fall-over to TCP, TCP, and KDC proxies over HTTPS. KDCs are asked one after
 * the other, each getting a head start, all within the caller's deadline; the first answer counts.
 */
export class NetworkTransport implements KdcTransport {
  readonly #options: NetworkTransportOptions;
  /** KDCs whose answers did not fit a datagram: TCP first from now on. */
  readonly #tcpFirst = new Set<string>();

  constructor(options: NetworkTransportOptions) {
    this.#options = options;
  }

  async exchange(realm: string, request: Uint8Array, options: TransportOptions): Promise<Uint8Array> {
    const { service = "kdc", signal, deadline } = options;
    if (signal?.aborted) throw new AbortedError(`asking a KDC of ${realm}`, signal.reason);
    const endpoints = await this.#options.locator.locate(realm, service, signal);
    if (endpoints.length === 0) throw notFound(realm);
    const steps = this.#plan(endpoints, request.length);
    const race = new Race(realm, steps, (step) => this.#start(step, realm, request), {
      deadline,
      signal,
      patience: this.#options.patience ?? 1000,
      tooBig: ({ host, port }) => this.#tcpFirst.add(`${host} ${port}`),
    });
    return await race.run();
  }

  #plan(endpoints: readonly KdcEndpoint[], length: number): Step[] {
    const small = length <= (this.#options.udpPreferenceLimit ?? 1465);
    const first: Step[] = [];
    const second: Step[] = [];
    for (const endpoint of endpoints) {
      const { protocol, host, port } = endpoint;
      if (protocol === "https") first.push({ protocol, endpoint });
      if (protocol === "udp" || protocol === "tcp")
        ((protocol === "udp") === small ? first : second).push({ protocol, endpoint });
      if (protocol !== "any") continue;
      const udpFirst = small && !this.#tcpFirst.has(`${host} ${port}`);
      first.push({ protocol: udpFirst ? "udp" : "tcp", endpoint });
      second.push({ protocol: udpFirst ? "tcp" : "udp", endpoint });
    }
    return [...first, ...second];
  }

  #start({ protocol, endpoint }: Step, realm: string, request: Uint8Array): Attempt {
    const { host, port, path } = endpoint;
    if (protocol === "udp") return udpExchange(host, port, request);
    if (protocol === "tcp") return tcpExchange(host, port, request);
    return proxyExchange({ host, port, path: path ?? "/KdcProxy" }, realm, request, this.#options.proxyTls);
  }
}

interface RaceOptions extends Pick<TransportOptions, "deadline" | "signal"> {
  readonly patience: number;
  readonly tooBig: (endpoint: KdcEndpoint) => void;
}

/** One request on its way to several KDCs. */
class Race {
  readonly #realm: string;
  readonly #steps: Step[];
  readonly #start: (step: Step) => Attempt;
  readonly #options: RaceOptions;
  readonly #running = new Set<Attempt>();
  readonly #failures: string[] = [];
  #lastFailure: unknown;
  #over = false;
  #unavailable: Uint8Array | undefined;

  constructor(realm: string, steps: Step[], start: (step: Step) => Attempt, options: RaceOptions) {
    this.#realm = realm;
    this.#steps = steps;
    this.#start = start;
    this.#options = options;
  }

  async run(): Promise<Uint8Array> {
    const { signal, deadline, patience } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    let onAbort: (() => void) | undefined;
    try {
      return await new Promise<Uint8Array>((resolve, reject) => {
        const next = (): void => {
          clearTimeout(timer);
          if (this.#over) return;
          const left = deadline - Date.now();
          const step = left > 0 ? this.#steps.shift() : undefined;
          if (left <= 0) reject(this.#unreachable("no answer came in time"));
          else if (step === undefined && this.#running.size === 0) this.#end(resolve, reject);
          else {
            timer = setTimeout(next, this.#steps.length > 0 ? Math.min(patience, left) : left);
            if (step !== undefined) this.#attempt(step, resolve, next);
          }
        };
        onAbort = () => reject(new AbortedError(`asking a KDC of ${this.#realm}`, signal?.reason));
        signal?.addEventListener("abort", onAbort, { once: true });
        next();
      });
    } finally {
      this.#over = true;
      clearTimeout(timer);
      if (onAbort) signal?.removeEventListener("abort", onAbort);
      for (const attempt of this.#running) attempt.cancel();
    }
  }

  #attempt(step: Step, resolve: (answer: Uint8Array) => void, next: () => void): void {
    const { endpoint, protocol } = step;
    const attempt = this.#start(step);
    this.#running.add(attempt);
    attempt.answer.then(
      (answer) => {
        this.#running.delete(attempt);
        const code = errorCode(answer);
        if (code === ErrorCode.KRB_ERR_RESPONSE_TOO_BIG && protocol === "udp") {
          this.#options.tooBig(endpoint);
          this.#overTcp(endpoint);
          next();
        } else if (
          code === ErrorCode.KDC_ERR_SVC_UNAVAILABLE &&
          (this.#steps.length > 0 || this.#running.size > 0)
        ) {
          this.#unavailable = answer;
          next();
        } else resolve(answer);
      },
      (cause: unknown) => {
        this.#running.delete(attempt);
        this.#lastFailure = cause;
        const why = cause instanceof Error ? cause.message : String(cause);
        this.#failures.push(`${protocol} ${endpoint.host}:${endpoint.port}: ${why}`);
        next();
      },
    );
  }

  /** All have been asked and none is left that could still answer. */
  #end(resolve: (answer: Uint8Array) => void, reject: (error: Error) => void): void {
    if (this.#unavailable !== undefined) resolve(this.#unavailable);
    else reject(this.#unreachable("none of its KDCs could be asked"));
  }

  #overTcp(endpoint: KdcEndpoint): void {
    const planned = this.#steps.findIndex((step) => step.endpoint === endpoint && step.protocol === "tcp");
    if (planned >= 0) this.#steps.splice(planned, 1);
    this.#steps.unshift({ endpoint, protocol: "tcp" });
  }

  #unreachable(why: string): WaybillError {
    const tried = this.#failures.join("; ");
    return new KerberosError(
      `no KDC of ${this.#realm} was reached: ${why}${tried === "" ? "" : ` (${tried})`}`,
      {
        code: "KDC_UNREACHABLE",
        family: "environment",
        facts: { realm: this.#realm, tried },
        remedy: "Check that the KDC runs, that its name resolves, and that port 88 is open over UDP and TCP.",
        cause: this.#lastFailure,
      },
    );
  }
}

/** Only the two codes that decide about the way on matter here, and only small messages are errors. */
function errorCode(answer: Uint8Array): number | undefined {
  try {
    return readKrbError(answer)?.errorCode;
  } catch {
    return undefined;
  }
}

function notFound(realm: string): KerberosError {
  return new KerberosError(`no KDC is known for the realm ${realm}`, {
    code: "KDC_NOT_FOUND",
    family: "environment",
    facts: { realm },
    remedy: `Name its KDCs in krb5.conf, or give it DNS records (_kerberos._udp.${realm.toLowerCase()}).`,
  });
}
