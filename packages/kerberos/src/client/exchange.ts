import { AbortedError, type EpochMs } from "@waybill/base";

/** `kdc` is AS and TGS (port 88), `kpasswd` is change of password (port 464). */
export type KdcService = "kdc" | "kpasswd";

/** A message an exchange wants delivered. The exchange is resumed with the answer's bytes. */
export interface KdcRequest {
  readonly realm: string;
  readonly service: KdcService;
  readonly message: Uint8Array;
}

/** A conversation with KDCs without any input or output in it: yields requests, is resumed with replies. */
export type Exchange<T> = Generator<KdcRequest, T, Uint8Array>;

/** How long one exchange with a realm may take, and what ends it early. */
export interface TransportOptions {
  /** When to give up, by the system's clock. */
  readonly deadline: EpochMs;
  readonly service?: KdcService | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Carries one message to a KDC of a realm and brings back its answer, without any framing. */
export interface KdcTransport {
  /** @throws KerberosError KDC_UNREACHABLE, AbortedError */
  exchange(realm: string, request: Uint8Array, options: TransportOptions): Promise<Uint8Array>;
}

/** Runs an exchange over a transport. */
export async function runExchange<T>(
  exchange: Exchange<T>,
  transport: KdcTransport,
  options: Omit<TransportOptions, "service">,
): Promise<T> {
  let step = exchange.next();
  while (!step.done) {
    const { realm, message, service } = step.value;
    if (options.signal?.aborted) throw new AbortedError(`asking a KDC of ${realm}`, options.signal.reason);
    step = exchange.next(await transport.exchange(realm, message, { ...options, service }));
  }
  return step.value;
}

/** Runs an exchange against a KDC that is a function. */
export function runExchangeSync<T>(exchange: Exchange<T>, answer: (request: KdcRequest) => Uint8Array): T {
  let step = exchange.next();
  while (!step.done) step = exchange.next(answer(step.value));
  return step.value;
}
