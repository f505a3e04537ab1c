import { WaybillError } from "./errors.ts";

/** Something took longer than its deadline. */
export class DeadlineError extends WaybillError {
  constructor(what: string, milliseconds: number) {
    super(`${what} did not finish within ${milliseconds} ms`, {
      code: "DEADLINE_EXCEEDED",
      family: "environment",
      facts: { what, milliseconds },
      remedy: "Check that the peer is running and reachable, or allow more time.",
    });
  }
}

/** The caller gave up, through an AbortSignal. */
export class AbortedError extends WaybillError {
  constructor(what: string, cause: unknown) {
    super(`${what} was cancelled`, { code: "ABORTED", family: "caller", facts: { what }, cause });
  }
}

export interface DeadlineOptions {
  /** What is being waited for, as it should read in the error message. */
  readonly what: string;
  /** How long to wait, in milliseconds. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `work` under a deadline and the caller's AbortSignal. `work` receives a signal that fires in both
 * cases and must stop what it started.
 *
 * @throws DeadlineError when time is up, AbortedError when the caller aborted, else whatever `work` throws.
 */
export async function withDeadline<T>(
  options: DeadlineOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { what, timeout, signal } = options;
  if (signal?.aborted) throw new AbortedError(what, signal.reason);
  const controller = new AbortController();
  return await new Promise<T>((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    };
    const stop = (error: WaybillError): void => {
      // Work that never ends must not keep the process alive until its time would have been up.
      settle();
      controller.abort(error);
      reject(error);
    };
    const onAbort = (): void => stop(new AbortedError(what, signal?.reason));
    const timer = setTimeout(() => stop(new DeadlineError(what, timeout)), timeout);
    signal?.addEventListener("abort", onAbort, { once: true });
    work(controller.signal).then(resolve, reject).finally(settle);
  });
}

/** Waits; ends early with an AbortedError when the signal fires. */
export async function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) throw new AbortedError("waiting", signal.reason);
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(new AbortedError("waiting", signal?.reason));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
