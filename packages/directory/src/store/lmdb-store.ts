import { createHash } from "node:crypto";
import { accessSync, chmodSync, constants, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { DiskReserve, systemCode } from "@waybill/base";
import { type Database, open, type RootDatabase } from "lmdb";
import { DirectoryError } from "../errors.ts";
import { childKey, indexEntries, indexedAttributes } from "./index-keys.ts";
import { type PackedObject, packObject, unpackObject } from "./object-codec.ts";
import type { ObjectStore, StoreWriter } from "./store.ts";
import { StoredLists } from "./stored-lists.ts";
import type { StoredObject } from "./stored-object.ts";

/** Meta entries. */
const versionKey = "version";
const lastIdKey = "lastId";
const formatKey = "format";
const currentFormat = 1;

/** Room on disk that a transaction finds before it begins, in bytes: many times what a change takes. */
const room = 4 << 20;

const fileName = "directory.mdb";

/** LMDB keys hold 1978 octets; longer names are told apart by their hash. */
const longestKey = 400;

/**
 * An object store on LMDB. Any number of processes read; writers wait for each other; a transaction is on disk when
 * `transact` returns, and a process killed in the middle of one leaves no trace of it.
 *
 * Layout: `objects` id → packed object · `children` [parent, rdn key] → id · `index` letter of the attribute and value key → ids ·
 * `links` and `backlinks` [attribute, id, id] · `meta` settings, version, attribute names.
 */
export class LmdbStore implements StoreWriter, ObjectStore {
  readonly #root: RootDatabase;
  readonly #directory: string;
  readonly #reserve: DiskReserve;
  readonly #objects: Database<PackedObject, number>;
  readonly #children: Database<number, [number, string]>;
  readonly #index: Database<number | number[], string>;
  readonly #links: Database<boolean, [string, number, number]>;
  readonly #backlinks: Database<boolean, [string, number, number]>;
  readonly #meta: Database<unknown, string>;
  readonly #lists: StoredLists;
  /** Inside a transaction: the version it will have. */
  #writing: number | undefined;
  /** Versions handed out here, aborted ones included: none is used twice. */
  #highest = 0;
  #closed = false;

  /** Whether a store was ever made there; does not make one. @throws DirectoryError STORE_UNWRITABLE */
  static exists(directory: string): boolean {
    try {
      assertUsable(directory);
    } catch (error) {
      if (error instanceof DirectoryError && systemCode(error.cause) === "ENOENT") return false;
      throw error;
    }
    return existsSync(join(directory, fileName));
  }

  /**
   * @param directory made if need be, readable by its owner alone
   * @throws DirectoryError STORE_UNWRITABLE, STORE_CORRUPT
   */
  constructor(directory: string) {
    assertUsable(directory, () => mkdirSync(directory, { recursive: true, mode: 0o700 }));
    const path = join(directory, fileName);
    // Synced by LMDB itself at every commit: what is acknowledged has reached the disk.
    this.#root = open({ path, maxDbs: 8, overlappingSync: false, maxReaders: 126, noSubdir: true });
    for (const file of [path, `${path}-lock`]) chmodSync(file, 0o600);
    this.#directory = directory;
    this.#reserve = new DiskReserve(path);
    this.#root.readerCheck();
    this.#objects = this.#root.openDB("objects", { keyEncoding: "uint32" });
    this.#children = this.#root.openDB("children", {});
    this.#index = this.#root.openDB("index", {});
    this.#links = this.#root.openDB("links", {});
    this.#backlinks = this.#root.openDB("backlinks", {});
    this.#meta = this.#root.openDB("meta", {});
    const format = this.#meta.get(formatKey);
    if (format !== undefined && format !== currentFormat) {
      throw new DirectoryError(
        `the store in ${directory} has format ${JSON.stringify(format)}, not ${currentFormat}`,
        {
          code: "STORE_CORRUPT",
          family: "environment",
          remedy: "Export it with the version of Waybill that wrote it, and import that.",
        },
      );
    }
    this.#lists = new StoredLists(this.#meta);
  }

  get version(): number {
    if (this.#writing !== undefined) return this.#writing;
    const version = this.#open().get(versionKey);
    return typeof version === "number" ? version : 0;
  }

  /** @throws DirectoryError STORE_UNWRITABLE when the disk is full: then nothing has changed. */
  transact<T>(change: (writer: StoreWriter) => T): T {
    if (this.#writing !== undefined) return change(this);
    this.#open();
    this.#secureRoom();
    try {
      return this.#root.transactionSync(() => {
        const stored = this.#meta.get(versionKey);
        this.#lists.load();
        this.#writing = Math.max(typeof stored === "number" ? stored : 0, this.#highest) + 1;
        const result = change(this);
        this.#meta.putSync(versionKey, this.#writing);
        if (stored === undefined) this.#meta.putSync(formatKey, currentFormat);
        return result;
      });
    } finally {
      this.#highest = Math.max(this.#highest, this.#writing ?? 0);
      this.#writing = undefined;
    }
  }

  #secureRoom(): void {
    const { lastPageNumber, pageSize } = this.#root.getStats() as {
      lastPageNumber: number;
      pageSize: number;
    };
    try {
      this.#reserve.secure((lastPageNumber + 1) * pageSize + room);
    } catch (cause) {
      throw new DirectoryError(
        `the store in ${this.#directory} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`,
        {
          code: "STORE_UNWRITABLE",
          family: "environment",
          facts: { directory: this.#directory },
          remedy: "Make room on its disk, then make the change again.",
          cause,
        },
      );
    }
  }

  /** Sees what other processes wrote since; otherwise that happens at the next turn of the event loop. */
  refresh(): void {
    this.#root.resetReadTxn();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#root.close();
  }

  nextId(): number {
    const last = this.#meta.get(lastIdKey);
    const id = (typeof last === "number" ? last : 0) + 1;
    this.#write(this.#meta).putSync(lastIdKey, id);
    return id;
  }

  object(id: number): StoredObject | undefined {
    const packed = this.#objects.get(id);
    return packed === undefined ? undefined : unpackObject(id, packed, this.#lists);
  }

  child(parentId: number, key: string): number | undefined {
    return this.#children.get([parentId, boundedKey(key)]);
  }

  *children(parentId: number): Iterable<number> {
    for (const { value } of this.#children.getRange({ start: [parentId, ""], end: [parentId + 1, ""] }))
      yield value;
  }

  find(attribute: string, key: string): readonly number[] {
    const ids = this.#index.get(indexedKey(attribute, key));
    if (ids === undefined) return [];
    return typeof ids === "number" ? [ids] : ids;
  }

  *findByPrefix(attribute: string, prefix: string): Iterable<number> {
    const start = (indexedAttributes.get(attribute) ?? "") + prefix.slice(0, longestKey);
    for (const { key, value } of this.#index.getRange({ start })) {
      if (!key.startsWith(start)) return;
      if (typeof value === "number") yield value;
      else yield* value;
    }
  }

  links(attribute: string, source: number): Iterable<number> {
    return linked(this.#links, attribute, source);
  }

  backlinks(attribute: string, target: number): Iterable<number> {
    return linked(this.#backlinks, attribute, target);
  }

  hasLink(attribute: string, source: number, target: number): boolean {
    return this.#links.doesExist([attribute, source, target]);
  }

  setting(name: string): unknown {
    return this.#open().get(`setting:${name}`);
  }

  ids(): Iterable<number> {
    return this.#objects.getKeys();
  }

  setSetting(name: string, value: unknown): void {
    this.#write(this.#meta).putSync(`setting:${name}`, value);
  }

  put(object: StoredObject): void {
    const before = this.object(object.id);
    const after = new Set([...indexEntries(object)].map(({ attribute, key }) => `${attribute}\0${key}`));
    if (before !== undefined) {
      if (before.parentId !== object.parentId || before.rdn !== object.rdn) {
        this.#children.removeSync([before.parentId, boundedKey(childKey(before))]);
      }
      for (const { attribute, key } of indexEntries(before)) {
        if (!after.delete(`${attribute}\0${key}`)) this.#unindex(attribute, key, object.id);
      }
    }
    this.#write(this.#objects).putSync(object.id, packObject(object, this.#lists));
    this.#children.putSync([object.parentId, boundedKey(childKey(object))], object.id);
    for (const entry of after) {
      const [attribute = "", key = ""] = entry.split("\0");
      const ids = this.find(attribute, key);
      const value = ids.length === 0 ? object.id : [...ids, object.id];
      this.#index.putSync(indexedKey(attribute, key), value);
    }
  }

  remove(id: number): void {
    const before = this.object(id);
    if (before === undefined) return;
    this.#write(this.#objects).removeSync(id);
    this.#children.removeSync([before.parentId, boundedKey(childKey(before))]);
    for (const { attribute, key } of indexEntries(before)) this.#unindex(attribute, key, id);
    for (const attribute of linkAttributes) {
      for (const target of Array.from(this.links(attribute, id))) this.unlink(attribute, id, target);
      for (const source of Array.from(this.backlinks(attribute, id))) this.unlink(attribute, source, id);
    }
  }

  link(attribute: string, source: number, target: number): void {
    this.#write(this.#links).putSync([attribute, source, target], true);
    this.#backlinks.putSync([attribute, target, source], true);
  }

  unlink(attribute: string, source: number, target: number): void {
    this.#write(this.#links).removeSync([attribute, source, target]);
    this.#backlinks.removeSync([attribute, target, source]);
  }

  #unindex(attribute: string, key: string, id: number): void {
    const rest = this.find(attribute, key).filter((other) => other !== id);
    const [only] = rest;
    if (only === undefined) this.#index.removeSync(indexedKey(attribute, key));
    else this.#index.putSync(indexedKey(attribute, key), rest.length === 1 ? only : rest);
  }

  #open(): Database<unknown, string> {
    if (!this.#closed) return this.#meta;
    throw new DirectoryError("the directory's store is closed", { code: "STORE_CLOSED", family: "caller" });
  }

  /** Writes are possible in a transaction only, and every one of them changes the version. */
  #write<D>(database: D): D {
    if (this.#writing === undefined) {
      throw new DirectoryError("changes need a transaction", { code: "STORE_CLOSED", family: "bug" });
    }
    this.#writing++;
    return database;
  }
}

/** Attributes whose values are links between objects. */
export const linkAttributes: readonly string[] = ["member"];

function* linked(
  database: Database<boolean, [string, number, number]>,
  attribute: string,
  from: number,
): Iterable<number> {
  for (const [, , to] of database.getKeys({ start: [attribute, from, 0], end: [attribute, from + 1, 0] }))
    yield to;
}

function indexedKey(attribute: string, key: string): string {
  return (indexedAttributes.get(attribute) ?? "") + boundedKey(key);
}

function boundedKey(key: string): string {
  if (key.length <= longestKey) return key;
  return `${key.slice(0, longestKey)}#${createHash("sha256").update(key).digest("hex")}`;
}

/** LMDB itself would only say that something went wrong. */
function assertUsable(directory: string, prepare: () => unknown = () => {}): void {
  try {
    prepare();
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new DirectoryError(`the store in ${directory} cannot be used (${systemCode(cause) ?? "?"})`, {
      code: "STORE_UNWRITABLE",
      family: "environment",
      facts: { directory },
      remedy: "Be the user who made it, or name another folder.",
      cause,
    });
  }
}
