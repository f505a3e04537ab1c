import { randomBytes } from "node:crypto";
import { toHex } from "@waybill/base";
import type { SearchItem } from "./backend.ts";

/** A search between two of its pages. */
export interface OpenSearch {
  /** Of the request whose page came last. */
  readonly messageID: number;
  /** What the search was for: the next page must ask for the same (RFC 2696 section 3). */
  readonly fingerprint: string;
  readonly items: AsyncIterator<SearchItem> | Iterator<SearchItem>;
  /** Read ahead, to know whether there is more. */
  readonly next: SearchItem;
  /** Stops what the iterator still does. */
  readonly controller: AbortController;
}

const cookieLength = 16;

/** The paged searches one connection has open. A cookie works once and on its own connection only. */
export class PagedSearches {
  readonly #limit: number;
  readonly #open = new Map<string, OpenSearch>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Returns the cookie for the next page. The oldest search is dropped when there are too many. */
  keep(search: OpenSearch): Uint8Array {
    const [oldest] = this.#open.keys();
    if (this.#open.size >= this.#limit && oldest !== undefined) this.#drop(oldest);
    const cookie = new Uint8Array(randomBytes(cookieLength));
    this.#open.set(toHex(cookie), search);
    return cookie;
  }

  take(cookie: Uint8Array): OpenSearch | undefined {
    const key = toHex(cookie);
    const search = this.#open.get(key);
    this.#open.delete(key);
    return search;
  }

  /** A client that gives up a request whose page has just left does not want the next page either. */
  abandon(messageID: number): void {
    for (const [key, search] of this.#open) if (search.messageID === messageID) this.#drop(key);
  }

  clear(): void {
    for (const key of this.#open.keys()) this.#drop(key);
  }

  #drop(key: string): void {
    const search = this.#open.get(key);
    this.#open.delete(key);
    if (search !== undefined) closeSearch(search);
  }
}

export function closeSearch(search: OpenSearch): void {
  search.controller.abort();
  // A backend's clean-up after an early end is its own business.
  void Promise.resolve(search.items.return?.()).catch(() => {});
}
