import { childKey, indexEntries } from "./index-keys.ts";
import type { ObjectStore, StoreWriter } from "./store.ts";
import type { StoredObject } from "./stored-object.ts";

/** An object store in memory: for tests, and for what was loaded from LDAP or LDIF. Changes apply at once. */
export class MemoryStore implements StoreWriter, ObjectStore {
  #version = 1;
  #lastId = 0;
  readonly #objects = new Map<number, StoredObject>();
  readonly #children = new Map<number, Map<string, number>>();
  readonly #index = new Map<string, Map<string, number[]>>();
  readonly #links = new Map<string, Map<number, Set<number>>>();
  readonly #backlinks = new Map<string, Map<number, Set<number>>>();
  readonly #settings = new Map<string, unknown>();
  /** How to take back what the running transaction did, in order; absent outside one. */
  #undo: (() => void)[] | undefined;

  get version(): number {
    return this.#version;
  }

  transact<T>(change: (writer: StoreWriter) => T): T {
    if (this.#undo !== undefined) return change(this);
    const undo: (() => void)[] = [];
    this.#undo = undo;
    try {
      const result = change(this);
      this.#undo = undefined;
      return result;
    } catch (error) {
      this.#undo = undefined;
      for (const step of undo.reverse()) step();
      throw error;
    }
  }

  nextId(): number {
    return ++this.#lastId;
  }

  object(id: number): StoredObject | undefined {
    return this.#objects.get(id);
  }

  child(parentId: number, key: string): number | undefined {
    return this.#children.get(parentId)?.get(key);
  }

  children(parentId: number): Iterable<number> {
    return this.#children.get(parentId)?.values() ?? [];
  }

  find(attribute: string, key: string): readonly number[] {
    return this.#index.get(attribute)?.get(key) ?? [];
  }

  *findByPrefix(attribute: string, prefix: string): Iterable<number> {
    for (const [key, ids] of this.#index.get(attribute) ?? []) if (key.startsWith(prefix)) yield* ids;
  }

  links(attribute: string, source: number): Iterable<number> {
    return this.#links.get(attribute)?.get(source) ?? [];
  }

  backlinks(attribute: string, target: number): Iterable<number> {
    return this.#backlinks.get(attribute)?.get(target) ?? [];
  }

  hasLink(attribute: string, source: number, target: number): boolean {
    return this.#links.get(attribute)?.get(source)?.has(target) ?? false;
  }

  setting(name: string): unknown {
    return this.#settings.get(name);
  }

  ids(): Iterable<number> {
    return this.#objects.keys();
  }

  setSetting(name: string, value: unknown): void {
    const before = this.#settings.get(name);
    this.#undo?.push(() => this.#settings.set(name, before));
    this.#settings.set(name, value);
    this.#version++;
  }

  put(object: StoredObject): void {
    const before = this.#objects.get(object.id);
    this.#undo?.push(() => (before === undefined ? this.remove(object.id) : this.put(before)));
    this.#forget(object.id);
    this.#lastId = Math.max(this.#lastId, object.id);
    this.#objects.set(object.id, object);
    const siblings = this.#children.get(object.parentId) ?? new Map<string, number>();
    siblings.set(childKey(object), object.id);
    this.#children.set(object.parentId, siblings);
    for (const { attribute, key } of indexEntries(object)) {
      const values = this.#index.get(attribute) ?? new Map<string, number[]>();
      const ids = values.get(key) ?? [];
      if (!ids.includes(object.id)) values.set(key, [...ids, object.id]);
      this.#index.set(attribute, values);
    }
    this.#version++;
  }

  remove(id: number): void {
    const before = this.#objects.get(id);
    this.#forget(id);
    this.#objects.delete(id);
    if (before !== undefined) this.#undo?.push(() => this.put(before));
    for (const [attribute, bySource] of this.#links) {
      for (const target of bySource.get(id) ?? []) this.unlink(attribute, id, target);
      for (const source of this.backlinks(attribute, id)) this.unlink(attribute, source, id);
    }
    this.#version++;
  }

  link(attribute: string, source: number, target: number): void {
    if (this.hasLink(attribute, source, target)) return;
    this.#undo?.push(() => this.unlink(attribute, source, target));
    add(this.#links, attribute, source, target);
    add(this.#backlinks, attribute, target, source);
    this.#version++;
  }

  unlink(attribute: string, source: number, target: number): void {
    if (!this.hasLink(attribute, source, target)) return;
    this.#undo?.push(() => this.link(attribute, source, target));
    this.#links.get(attribute)?.get(source)?.delete(target);
    this.#backlinks.get(attribute)?.get(target)?.delete(source);
    this.#version++;
  }

  /** Takes an object's old names out of the indexes. */
  #forget(id: number): void {
    const before = this.#objects.get(id);
    if (before === undefined) return;
    this.#children.get(before.parentId)?.delete(childKey(before));
    for (const { attribute, key } of indexEntries(before)) {
      const values = this.#index.get(attribute);
      const rest = values?.get(key)?.filter((other) => other !== id) ?? [];
      if (rest.length === 0) values?.delete(key);
      else values?.set(key, rest);
    }
  }
}

function add(
  links: Map<string, Map<number, Set<number>>>,
  attribute: string,
  from: number,
  to: number,
): void {
  const bySource = links.get(attribute) ?? new Map<number, Set<number>>();
  const targets = bySource.get(from) ?? new Set<number>();
  targets.add(to);
  bySource.set(from, targets);
  links.set(attribute, bySource);
}
