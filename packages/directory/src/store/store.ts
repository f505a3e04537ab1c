import type { StoredObject } from "./stored-object.ts";

/** Reads of one consistent state of an object store. Everything is synchronous. */
export interface StoreReader {
  /** Grows with every committed change. */
  readonly version: number;
  object(id: number): StoredObject | undefined;
  /** The child of an object by `rdnKey`; parent 0 holds the naming contexts by `dnKey`. */
  child(parentId: number, rdnKey: string): number | undefined;
  children(parentId: number): Iterable<number>;
  /** Objects having a value in an indexed attribute, by `indexKey`. */
  find(attribute: string, key: string): readonly number[];
  /** Objects whose indexed value starts with `prefix`. */
  findByPrefix(attribute: string, prefix: string): Iterable<number>;
  /** Targets of a forward link (`member`). */
  links(attribute: string, source: number): Iterable<number>;
  /** Sources of links to an object: `memberOf`. */
  backlinks(attribute: string, target: number): Iterable<number>;
  hasLink(attribute: string, source: number, target: number): boolean;
  setting(name: string): unknown;
  ids(): Iterable<number>;
}

/** A transaction: reads see its own writes; it is applied whole or not at all. */
export interface StoreWriter extends StoreReader {
  nextId(): number;
  /** Inserts or replaces, indexes included. */
  put(object: StoredObject): void;
  /** Removes an object, its index entries and all links from and to it. */
  remove(id: number): void;
  link(attribute: string, source: number, target: number): void;
  unlink(attribute: string, source: number, target: number): void;
  setSetting(name: string, value: unknown): void;
}

export interface ObjectStore extends StoreReader {
  /**
   * Runs changes as one transaction: when `change` throws, nothing of it stays. On return the changes are durable,
   * as far as the store is.
   */
  transact<T>(change: (writer: StoreWriter) => T): T;
}
