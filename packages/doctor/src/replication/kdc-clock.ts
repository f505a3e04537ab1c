import { WaybillError } from "@waybill/base";
import {
  asExchange,
  type KdcTransport,
  KerberosClient,
  type Principal,
  readKrbError,
} from "@waybill/kerberos";

/** A clock as seen from here: how far it is ahead of ours, give or take `error`; milliseconds. */
export interface ClockReading {
  readonly ahead: number;
  readonly error: number;
}

/**
 * Asks a KDC for the time: the error with which it answers a sign-in that shows no key says it (RFC 4120 section
 * 5.9.1). Nothing is counted as a failed attempt. `undefined`: it answered with something that tells no time.
 *
 * @throws KerberosError KDC_UNREACHABLE, AbortedError
 */
export async function readKdcClock(
  transport: KdcTransport,
  principal: Principal,
  { timeout, signal }: { readonly timeout: number; readonly signal?: AbortSignal | undefined },
): Promise<ClockReading | undefined> {
  const { context } = new KerberosClient({ transport });
  // Only the first request is sent: the key is never needed.
  const { value: first, done } = asExchange(context, { principal, password: "unused" }).next();
  if (done === true) return undefined;
  const asked = Date.now();
  const reply = await transport.exchange(first.realm, first.message, { deadline: asked + timeout, signal });
  const answered = Date.now();
  try {
    const error = readKrbError(reply);
    if (error === undefined) return undefined;
    // Some KDCs leave the microseconds out.
    return clockReading(error.stime + error.susec / 1000, asked, answered, error.susec === 0 ? 1000 : 1);
  } catch (error) {
    if (error instanceof WaybillError) return undefined;
    throw error;
  }
}

/**
 * A time that was told in answer to a question, compared with ours.
 *
 * @param resolution of the told time: it is cut off, so half of it is missing on average
 */
export function clockReading(
  told: number,
  asked: number,
  answered: number,
  resolution: number,
): ClockReading {
  return {
    ahead: Math.round(told + resolution / 2 - (asked + answered) / 2),
    error: Math.ceil((answered - asked + resolution) / 2),
  };
}
