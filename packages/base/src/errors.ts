/** Whose doing a failure is: decides what a caller may do about it. */
export type ErrorFamily = "caller" | "peer" | "environment" | "bug";

export interface ErrorDetails {
  /** Stable, upper-case identifier such as `KDC_ERR_BADOPTION` or `QMP_TIMEOUT`; safe to match on. */
  readonly code: string;
  readonly family: ErrorFamily;
  /** What the reader can do about it, one or two sentences. */
  readonly remedy?: string;
  /** The facts that caused it, by name. Never a secret: keys, tickets and passwords stay out. */
  readonly facts?: Readonly<Record<string, string | number | boolean>>;
  /** The underlying protocol error. */
  readonly cause?: unknown;
}

/**
 * Root of every error a Waybill package throws on purpose. Anything else that escapes is a bug.
 *
 * `message` says what happened and which fact caused it; `remedy` says what to do; `code` is stable across
 * releases; `cause` keeps the underlying protocol error.
 */
export class WaybillError extends Error {
  readonly code: string;
  readonly family: ErrorFamily;
  readonly remedy: string | undefined;
  readonly facts: Readonly<Record<string, string | number | boolean>>;

  constructor(message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = details.code;
    this.family = details.family;
    this.remedy = details.remedy;
    this.facts = details.facts ?? {};
  }

  toJSON(): Record<string, unknown> {
    return {
      code: this.code,
      message: this.message,
      ...(this.remedy === undefined ? {} : { remedy: this.remedy }),
      ...(Object.keys(this.facts).length === 0 ? {} : { facts: this.facts }),
      ...(this.cause instanceof Error ? { cause: errorToJson(this.cause) } : {}),
    };
  }
}

/** An error as plain data for `--json` and logs: code, message, remedy, facts and the chain of causes. */
export function errorToJson(error: unknown): Record<string, unknown> {
  if (error instanceof WaybillError) return error.toJSON();
  if (error instanceof Error) return { code: systemCode(error) ?? "UNEXPECTED", message: error.message };
  return { code: "UNEXPECTED", message: String(error) };
}

/** The `code` Node attaches to system errors (`ECONNREFUSED`), if there is one. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
