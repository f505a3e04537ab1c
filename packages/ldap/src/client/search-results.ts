import { decodeControlValue, PagedResultsValue } from "../controls/control-values.ts";
import { LdapEntry } from "../entry.ts";
import { LdapConnectionError } from "../errors.ts";
import type { Control, LdapMessage, ProtocolOp } from "../messages/ldap-message.ts";
import { ControlOid } from "../registry/oids.ts";
import {
  isSuccess,
  type LdapConnection,
  type ResponseStream,
  toLdapError,
  type WaitOptions,
} from "./ldap-connection.ts";

export interface SearchPlan {
  readonly what: string;
  readonly op: ProtocolOp;
  readonly controls: Control[];
  /** Entries per page; `undefined`: no paging. */
  readonly pageSize: number | undefined;
  readonly wait: WaitOptions;
  /** Gets every entry before the reader does, to fetch what the server held back. */
  complete(entry: LdapEntry): Promise<LdapEntry>;
}

/** One page, asked for. */
interface Page {
  readonly responses: ResponseStream;
  /** The page after it, once that was asked for. */
  following: Page | undefined;
}

/**
 * The entries of a search, as they arrive: iterate once. Leaving the loop early abandons the search. With paging the
 * next page is asked for when the one before has arrived whole, so that the server works while the reader reads; never
 * more than one page ahead.
 */
export class SearchResults implements AsyncIterable<LdapEntry> {
  /** URLs of continuation references; complete when the iteration has ended. They are not followed. */
  readonly references: string[] = [];
  readonly #connection: LdapConnection;
  readonly #plan: SearchPlan;
  /** The page that is being read. */
  #current: Page | undefined;

  constructor(connection: LdapConnection, plan: SearchPlan) {
    this.#connection = connection;
    this.#plan = plan;
  }

  /** All entries. For searches whose result is known to be small. */
  async all(): Promise<LdapEntry[]> {
    const entries: LdapEntry[] = [];
    for await (const entry of this) entries.push(entry);
    return entries;
  }

  /** @throws LdapError, LdapConnectionError, DeadlineError, AbortedError */
  async *[Symbol.asyncIterator](): AsyncGenerator<LdapEntry, void, undefined> {
    let page: Page | undefined = this.#ask(new Uint8Array(0));
    try {
      while (page !== undefined) {
        this.#current = page;
        this.#readAhead(page);
        const cookie: Uint8Array | undefined = yield* this.#entriesOf(page);
        const more: boolean = cookie !== undefined && cookie.length > 0;
        page = page.following ?? (more && cookie !== undefined ? this.#ask(cookie) : undefined);
      }
    } finally {
      for (let left = this.#current; left !== undefined; left = left.following) this.#leave(left);
      this.#current = undefined;
    }
  }

  async *#entriesOf({ responses }: Page): AsyncGenerator<LdapEntry, Uint8Array | undefined, undefined> {
    const { what } = this.#plan;
    for (;;) {
      const message = await responses.next();
      const { protocolOp } = message;
      if (protocolOp.kind === "searchResEntry") {
        const { objectName, attributes } = protocolOp.value;
        const entry = new LdapEntry(
          objectName,
          attributes.map(({ type, vals }) => ({ type, values: vals })),
        );
        yield await this.#plan.complete(entry);
      } else if (protocolOp.kind === "searchResRef") {
        this.references.push(...protocolOp.value);
      } else if (protocolOp.kind === "searchResDone") {
        if (!isSuccess(protocolOp.value)) throw toLdapError(protocolOp.value, what);
        // A cookie that nobody asked for would be followed for ever.
        return this.#plan.pageSize === undefined ? undefined : nextCookie(message);
      } else if (protocolOp.kind !== "intermediateResponse") {
        throw new LdapConnectionError(
          "LDAP_PROTOCOL_ERROR",
          `the server answered a search with ${protocolOp.kind}`,
        );
      }
    }
  }

  #ask(cookie: Uint8Array): Page {
    const { what, op, wait, pageSize } = this.#plan;
    const controls = [...this.#plan.controls];
    if (pageSize !== undefined) controls.push(pageControl(pageSize, cookie));
    const page: Page = {
      responses: this.#connection.start(what, op, controls, wait, () => this.#readAhead(page)),
      following: undefined,
    };
    return page;
  }

  /** Asks for the page after the one that is being read. */
  #readAhead(page: Page): void {
    if (this.#plan.pageSize === undefined || page !== this.#current || page.following !== undefined) return;
    try {
      const cookie = unreadCookie(page.responses.arrived());
      if (cookie !== undefined) page.following = this.#ask(cookie);
    } catch {
      // The reader meets the same failure when it gets there, and is told then.
    }
  }

  /** A reader that leaves early may leave behind the cookie of a page that had arrived whole. */
  #leave({ responses, following }: Page): void {
    const last = responses.close().at(-1);
    if (following !== undefined) return;
    try {
      const cookie = unreadCookie(last);
      if (cookie !== undefined) this.#release(cookie);
    } catch {
      // What cannot be read cannot be given back.
    }
  }

  /** RFC 2696 section 3: a page of size 0 lets the server forget the rest. Nobody waits for the answer. */
  #release(cookie: Uint8Array): void {
    const { what, op, wait } = this.#plan;
    if (this.#connection.failure !== undefined) return;
    this.#connection
      .request(what, op, [...this.#plan.controls, pageControl(0, cookie)], { timeout: wait.timeout })
      .catch(() => {});
  }
}

function pageControl(size: number, cookie: Uint8Array): Control {
  return {
    controlType: ControlOid.pagedResults,
    // A server without paging then sends everything at once.
    criticality: false,
    controlValue: PagedResultsValue.encode({ size, cookie }),
  };
}

/** The cookie in the last message of a page, if there is more to come. */
function unreadCookie(last: LdapMessage | undefined): Uint8Array | undefined {
  if (last?.protocolOp.kind !== "searchResDone" || !isSuccess(last.protocolOp.value)) return undefined;
  const cookie = nextCookie(last);
  return cookie === undefined || cookie.length === 0 ? undefined : cookie;
}

function nextCookie(message: LdapMessage): Uint8Array | undefined {
  const control = message.controls?.find(({ controlType }) => controlType === ControlOid.pagedResults);
  return control === undefined
    ? undefined
    : decodeControlValue(PagedResultsValue, control.controlValue).cookie;
}
