import { type Clock, type EpochMs, type Logger, systemClock } from "@waybill/base";
import { readKnownNames, writeKnownNames } from "./known-names.ts";

/** What a directory says of names: their SIDs by name in lower case. Who is missing does not exist there. */
export type NameLookup = (
  names: readonly string[],
  signal?: AbortSignal,
) => Promise<ReadonlyMap<string, string>>;

export interface AccountNamesOptions {
  /** Names of users and groups of the domain, as the configuration writes them. */
  readonly names: readonly string[];
  /** The host's state folder. */
  readonly directory: string;
  readonly realm: string;
  readonly lookup: NameLookup;
  readonly logger: Logger;
  readonly clock?: Clock | undefined;
}

const refreshEvery = 5 * 60_000;
/** After a failure: at first soon, for somebody may be waiting for their rights. */
const firstRetry = 1000;
const lastRetry = 30_000;
/** How long a start waits for a directory that may be dead, when nothing is known yet. */
const firstPatience = 5000;

/**
 * The SIDs of the names that access rules are written with. The directory's last word is kept on disk: while no
 * controller answers, what was known holds, and a name that was never known grants nothing.
 */
export class AccountNames {
  readonly #options: AccountNamesOptions;
  readonly #clock: Clock;
  #known: ReadonlyMap<string, string>;
  /** When the directory last answered. */
  #asked: EpochMs | undefined;
  #timer: NodeJS.Timeout | undefined;
  #retry = firstRetry;
  readonly #stopped = new AbortController();

  constructor(options: AccountNamesOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const kept = readKnownNames(options.directory, options.realm);
    this.#known = kept?.sids ?? new Map();
    this.#asked = kept?.asked;
  }

  sid(name: string): string | undefined {
    return this.#known.get(name.toLowerCase());
  }

  get asked(): EpochMs | undefined {
    return this.#asked;
  }

  /** Asks the directory, now and from time to time; waits a little for it only if a name is not known at all. */
  async start(): Promise<void> {
    if (this.#options.names.length === 0) return;
    const first = this.#cycle();
    if (this.#options.names.every((name) => this.sid(name) !== undefined)) return;
    let patience: NodeJS.Timeout | undefined;
    await Promise.race([
      first,
      new Promise<void>((resolve) => {
        patience = setTimeout(resolve, firstPatience);
      }),
    ]);
    clearTimeout(patience);
  }

  /** @throws KerberosError, LdapError, LdapConnectionError, DeadlineError: then what was known still holds. */
  async refresh(): Promise<void> {
    const { names, lookup, directory, realm, logger } = this.#options;
    const found = await lookup(names, this.#stopped.signal);
    for (const name of names) {
      const [before, now] = [this.sid(name), found.get(name.toLowerCase())];
      if (now === undefined) logger.warn("access-name-unknown", { name, before });
      else if (before !== undefined && before !== now)
        logger.warn("access-name-changed", { name, before, now });
      else if (before === undefined) logger.info("access-name-resolved", { name, sid: now });
    }
    this.#known = new Map(found);
    this.#asked = this.#clock.now();
    writeKnownNames(directory, { realm, asked: this.#asked, sids: found });
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#stopped.abort();
  }

  async #cycle(): Promise<void> {
    let next = refreshEvery;
    try {
      await this.refresh();
      this.#retry = firstRetry;
    } catch (error) {
      next = this.#retry;
      this.#retry = Math.min(2 * next, lastRetry);
      if (!this.#stopped.signal.aborted) this.#report(error);
    }
    if (this.#stopped.signal.aborted) return;
    this.#timer = setTimeout(() => void this.#cycle(), next);
    this.#timer.unref();
  }

  #report(error: unknown): void {
    const { names, logger } = this.#options;
    const unknown = names.filter((name) => this.sid(name) === undefined);
    logger.warn("access-names-not-refreshed", {
      error,
      lastAnswer: this.#asked === undefined ? "never" : new Date(this.#asked).toISOString(),
      grantNothing: unknown,
    });
  }
}
