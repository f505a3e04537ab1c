import { setImmediate as nextTurn } from "node:timers/promises";
import { PagedResultsValue, SortResult } from "../controls/control-values.ts";
import type { LdapEntry } from "../entry.ts";
import { LdapError } from "../errors.ts";
import { matchesFilter } from "../filter/matches-filter.ts";
import { filterSchema } from "../messages/filter-schema.ts";
import type { Control, ProtocolOp, SearchRequest } from "../messages/ldap-message.ts";
import { ControlOid } from "../registry/oids.ts";
import type { LdapBackend, LdapOperation, SearchItem, SearchOperation, SearchScope } from "./backend.ts";
import type { LdapServerLimits } from "./limits.ts";
import { closeSearch, type PagedSearches } from "./paged-searches.ts";
import type { RequestControls } from "./request-context.ts";
import { attributeSelector, extendDn } from "./select-attributes.ts";
import { sortEntries } from "./sort-entries.ts";

/** What a search needs of the connection it runs on. */
export interface SearchRun<Identity> {
  readonly backend: LdapBackend<Identity, never>;
  readonly messageID: number;
  readonly request: SearchRequest;
  readonly controls: RequestControls;
  readonly operation: LdapOperation<Identity>;
  /** Ends with the search, not with the page: what an open iterator lives under. */
  readonly controller: AbortController;
  readonly limits: LdapServerLimits;
  readonly paged: PagedSearches;
  rootDse(): Promise<LdapEntry>;
  send(op: ProtocolOp): void;
  /** Waits while the client is slow in taking what was sent. */
  drained(): Promise<void>;
}

const scopes: readonly SearchScope[] = ["base", "one", "sub"];
/** Milliseconds of work after which other connections get their turn. */
const turn = 10;

type Items = AsyncIterator<SearchItem> | Iterator<SearchItem>;

/** Runs one search request, sends its entries and returns the controls for its last message. */
export async function runSearch<Identity>(run: SearchRun<Identity>): Promise<Control[]> {
  const { request, controls } = run;
  const scope = scopes[request.scope];
  if (scope === undefined)
    throw new LdapError({ resultCode: "protocolError", diagnosticMessage: "unknown scope" });
  if (request.baseObject === "" && scope === "base") return await readRootDse(run);
  if (controls.sort !== undefined && controls.sort.length === 0) {
    throw new LdapError({ resultCode: "protocolError", diagnosticMessage: "a sort control without keys" });
  }
  const search: SearchOperation = {
    baseDn: request.baseObject,
    scope,
    filter: request.filter,
    attributes: request.attributes.map((name) => name.toLowerCase()),
    typesOnly: request.typesOnly,
  };
  return controls.paged === undefined
    ? await sendAll(run, search)
    : await sendPage(run, search, controls.paged);
}

async function readRootDse<Identity>(run: SearchRun<Identity>): Promise<Control[]> {
  const entry = await run.rootDse();
  if (matchesFilter(run.request.filter, entry, { syntaxOf: () => "unicode" })) {
    const requested = run.request.attributes.map((name) => name.toLowerCase());
    // A root DSE has only operational attributes, but every client expects all of them without asking.
    const attributes = attributeSelector(requested, run.request.typesOnly)(entry.attributes);
    run.send({ kind: "searchResEntry", value: { objectName: "", attributes } });
  }
  return [];
}

async function sendAll<Identity>(run: SearchRun<Identity>, search: SearchOperation): Promise<Control[]> {
  const items = await open(run, search);
  const { sizeLimit } = run.request;
  const limit = sizeLimit === 0 ? run.limits.maxEntries : Math.min(sizeLimit, run.limits.maxEntries);
  try {
    const { next } = await send(run, search, items, limit);
    if (next !== undefined) throw new LdapError({ resultCode: "sizeLimitExceeded" });
  } finally {
    run.controller.abort();
    await items.return?.();
  }
  return sortDone(run);
}

async function sendPage<Identity>(
  run: SearchRun<Identity>,
  search: SearchOperation,
  { size, cookie }: PagedResultsValue,
): Promise<Control[]> {
  const fingerprint = fingerprintOf(run.request);
  let items: Items;
  let first: SearchItem | undefined;
  let { controller } = run;
  if (cookie.length === 0) {
    items = await open(run, search);
  } else {
    const kept = run.paged.take(cookie);
    if (kept === undefined) throw staleCookie();
    if (size === 0 || kept.fingerprint !== fingerprint) {
      closeSearch(kept);
      if (size === 0) return [pageControl(new Uint8Array(0))];
      throw staleCookie();
    }
    ({ items, next: first, controller } = kept);
  }
  const { signal } = run.operation;
  signal.addEventListener("abort", () => controller.abort(signal.reason), { once: true });
  const limit = size === 0 ? run.limits.maxEntries : Math.min(size, run.limits.maxEntries);
  let next: SearchItem | undefined;
  try {
    ({ next } = await send(run, search, items, limit, first));
  } finally {
    if (next === undefined) {
      controller.abort();
      await items.return?.();
    }
  }
  const following =
    next === undefined
      ? new Uint8Array(0)
      : run.paged.keep({ messageID: run.messageID, fingerprint, items, next, controller });
  return [pageControl(following), ...sortDone(run)];
}

/** Starts the search; with the sort control, runs it to its end first. */
async function open<Identity>(run: SearchRun<Identity>, search: SearchOperation): Promise<Items> {
  const { backend, operation, controls, limits } = run;
  // A search outlives its first request when it is paged: then its own controller ends it.
  const lasting = controls.paged === undefined ? operation : { ...operation, signal: run.controller.signal };
  const iterable = backend.search(withNeeded(search, controls), lasting);
  const items =
    Symbol.asyncIterator in iterable ? iterable[Symbol.asyncIterator]() : iterable[Symbol.iterator]();
  const { sort } = controls;
  if (sort === undefined) return items;
  const entries = [];
  const others: SearchItem[] = [];
  let since = performance.now();
  for (;;) {
    if (operation.signal.aborted) break;
    const { value, done } = await items.next();
    if (done === true) break;
    if ("references" in value) others.push(value);
    else entries.push(value);
    if (entries.length > limits.maxSortedEntries) {
      await items.return?.();
      throw new LdapError({
        resultCode: "adminLimitExceeded",
        diagnosticMessage: "too many entries to sort",
      });
    }
    since = await fairTurn(since);
  }
  sortEntries(entries, sort, (name) => backend.syntaxOf?.(name));
  return [...entries, ...others].values();
}

/** Sends up to `limit` entries; `next` is the first one that was not sent. */
async function send<Identity>(
  run: SearchRun<Identity>,
  search: SearchOperation,
  items: Items,
  limit: number,
  first?: SearchItem,
): Promise<{ next: SearchItem | undefined }> {
  const { operation, controls } = run;
  const select = attributeSelector(search.attributes, search.typesOnly, run.limits.maxValues);
  let pending = first;
  let sent = 0;
  let since = performance.now();
  for (;;) {
    operation.signal.throwIfAborted();
    let item = pending;
    pending = undefined;
    if (item === undefined) {
      const result = await items.next();
      operation.signal.throwIfAborted();
      if (result.done === true) return { next: undefined };
      item = result.value;
    }
    if (sent >= limit) return { next: item };
    if ("references" in item) {
      run.send({ kind: "searchResRef", value: [...item.references] });
    } else {
      sent++;
      const objectName = controls.extendedDn === undefined ? item.dn : extendDn(item, controls.extendedDn);
      run.send({ kind: "searchResEntry", value: { objectName, attributes: select(item.attributes) } });
    }
    await run.drained();
    since = await fairTurn(since);
  }
}

/** Lets others go first when it is time; returns when the current turn began. */
async function fairTurn(since: number): Promise<number> {
  if (performance.now() - since < turn) return since;
  await nextTurn();
  return performance.now();
}

/** The server's own controls look at attributes that the client need not have asked for. */
function withNeeded(search: SearchOperation, controls: RequestControls): SearchOperation {
  const needed = (controls.sort ?? []).map(({ attributeType }) => attributeType.toLowerCase());
  if (controls.extendedDn !== undefined) needed.push("objectguid", "objectsid");
  if (needed.length === 0 || search.attributes.length === 0) return search;
  return { ...search, attributes: [...new Set([...search.attributes, ...needed])] };
}

function sortDone<Identity>(run: SearchRun<Identity>): Control[] {
  if (run.controls.sort === undefined) return [];
  return [
    {
      controlType: ControlOid.sortResponse,
      criticality: false,
      controlValue: SortResult.encode({ sortResult: 0 }),
    },
  ];
}

function pageControl(cookie: Uint8Array): Control {
  return {
    controlType: ControlOid.pagedResults,
    criticality: false,
    controlValue: PagedResultsValue.encode({ size: 0, cookie }),
  };
}

function fingerprintOf(request: SearchRequest): string {
  const { baseObject, scope, filter, attributes, typesOnly } = request;
  const filterBytes = Buffer.from(filterSchema.encode(filter)).toString("base64");
  return JSON.stringify([baseObject, scope, filterBytes, attributes, typesOnly]);
}

function staleCookie(): LdapError {
  return new LdapError({
    resultCode: "unwillingToPerform",
    diagnosticMessage:
      "00000057: LdapErr: DSID-0C090753, comment: Error processing control, data 0, v4f7c: the cookie belongs to no open search of this connection",
  });
}
