import { childKey, indexedAttributes, indexKey } from "./index-keys.ts";
import type { ObjectStore, StoreWriter } from "./store.ts";
import type { StoredObject } from "./stored-object.ts";

/** An object store in memory: for tests, and for what was loaded from LDAP or LDIF. Changes apply at once. */
export class MemoryStore implements StoreWriter, ObjectStore {
  #version = 1;
  #lastId = 0;
  readonly #objects = new Map<number, StoredObject>();
  readonly #children = new Map<number, Map<string, number>>();
  /** Made when an attribute is first searched: most of what is loaded to be looked over never is. */
  readonly #index = new Map<string, ValueIndex>();
  readonly #links = new Map<string, LinkIndex>();
  readonly #backlinks = new Map<string, LinkIndex>();
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
    return idsOf(this.#indexOf(attribute)?.get(key));
  }

  *findByPrefix(attribute: string, prefix: string): Iterable<number> {
    for (const [key, ids] of this.#indexOf(attribute) ?? []) if (key.startsWith(prefix)) yield* idsOf(ids);
  }

  links(attribute: string, source: number): Iterable<number> {
    return linkedTo(this.#links.get(attribute)?.get(source));
  }

  backlinks(attribute: string, target: number): Iterable<number> {
    return linkedTo(this.#backlinks.get(attribute)?.get(target));
  }

  hasLink(attribute: string, source: number, target: number): boolean {
    const targets = this.#links.get(attribute)?.get(source);
    return typeof targets === "number" ? targets === target : (targets?.has(target) ?? false);
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
    for (const [attribute, index] of this.#index) addTo(index, attribute, object);
    this.#version++;
  }

  remove(id: number): void {
    const before = this.#objects.get(id);
    this.#forget(id);
    this.#objects.delete(id);
    if (before !== undefined) this.#undo?.push(() => this.put(before));
    for (const [attribute, bySource] of this.#links) {
      for (const target of linkedTo(bySource.get(id))) this.unlink(attribute, id, target);
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
    drop(this.#links, attribute, source, target);
    drop(this.#backlinks, attribute, target, source);
    this.#version++;
  }

  /** Takes an object's old names out of the indexes. */
  #forget(id: number): void {
    const before = this.#objects.get(id);
    if (before === undefined) return;
    this.#children.get(before.parentId)?.delete(childKey(before));
    for (const [attribute, index] of this.#index) {
      for (const value of before.attributes.get(attribute) ?? []) {
        const key = indexKey(attribute, value);
        const rest = idsOf(index.get(key)).filter((other) => other !== id);
        if (rest.length === 0) index.delete(key);
        else index.set(key, rest);
      }
    }
  }

  #indexOf(attribute: string): ValueIndex | undefined {
    const known = this.#index.get(attribute);
    if (known !== undefined || !indexedAttributes.has(attribute)) return known;
    const index: ValueIndex = new Map();
    for (const object of this.#objects.values()) addTo(index, attribute, object);
    this.#index.set(attribute, index);
    return index;
  }
}

/** Ids by key; a single one, as nearly all are, without an array around it. */
type ValueIndex = Map<string, number | number[]>;

function idsOf(ids: number | readonly number[] | undefined): number[] {
  return ids === undefined ? [] : typeof ids === "number" ? [ids] : [...ids];
}

function addTo(index: ValueIndex, attribute: string, object: StoredObject): void {
  for (const value of object.attributes.get(attribute) ?? []) {
    const key = indexKey(attribute, value);
    const known = index.get(key);
    // An object is added as a whole: if it has this value already, it is the last that has.
    if (known === undefined) index.set(key, object.id);
    else if (typeof known === "number") {
      if (known !== object.id) index.set(key, [known, object.id]);
    } else if (known.at(-1) !== object.id) known.push(object.id);
  }
}

/** Ends of links by the other end; a single one, as in most accounts, without a set around it. */
type LinkIndex = Map<number, number | Set<number>>;

function linkedTo(ends: number | ReadonlySet<number> | undefined): Iterable<number> {
  return ends === undefined ? [] : typeof ends === "number" ? [ends] : ends;
}

function add(links: Map<string, LinkIndex>, attribute: string, from: number, to: number): void {
  let index = links.get(attribute);
  if (index === undefined) {
    index = new Map();
    links.set(attribute, index);
  }
  const ends = index.get(from);
  if (ends === undefined) index.set(from, to);
  else if (typeof ends !== "number") ends.add(to);
  else if (ends !== to) index.set(from, new Set([ends, to]));
}

function drop(links: Map<string, LinkIndex>, attribute: string, from: number, to: number): void {
  const index = links.get(attribute);
  const ends = index?.get(from);
  if (ends === to) index?.delete(from);
  else if (typeof ends === "object") ends.delete(to);
}
