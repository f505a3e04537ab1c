import type { Database } from "lmdb";
import type { CodecLists } from "./object-codec.ts";
import type { AttributeValue } from "./stored-object.ts";

/** Meta entries. */
const namesKey = "attributeNames";
const sharedKey = "sharedValues";

/** Shared values are all kept in memory, and written as one. */
const mostShared = 4096;

/**
 * What packed objects name by number: attributes, and values that many objects have. The lists only grow, and only in
 * transactions; another process that meets a number it does not know reads them again.
 */
export class StoredLists implements CodecLists {
  readonly #meta: Database<unknown, string>;
  #names: string[] = [];
  #numbers = new Map<string, number>();
  #shared: (readonly AttributeValue[])[] = [];
  #sharedNumbers = new Map<string, number>();

  constructor(meta: Database<unknown, string>) {
    this.#meta = meta;
    this.load();
  }

  /** Takes them as they are stored: what an aborted transaction added is gone. */
  load(): void {
    const names = this.#meta.get(namesKey);
    this.#names = Array.isArray(names) ? names.map(String) : [];
    this.#numbers = new Map(this.#names.map((name, number) => [name, number]));
    const shared: unknown = this.#meta.get(sharedKey);
    this.#shared = Array.isArray(shared)
      ? shared.map((values) => (Array.isArray(values) ? values.map(String) : []))
      : [];
    this.#sharedNumbers = new Map(this.#shared.map((values, number) => [values.join("\0"), number]));
  }

  nameNumber(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = this.#names.push(name) - 1;
    this.#numbers.set(name, number);
    this.#meta.putSync(namesKey, this.#names);
    return number;
  }

  nameOf(number: number): string {
    const known = this.#names[number];
    if (known !== undefined) return known;
    this.load();
    return this.#names[number] ?? `unknown-${number}`;
  }

  sharedNumber(values: readonly AttributeValue[]): number | undefined {
    if (!values.every((value) => typeof value === "string")) return undefined;
    const key = values.join("\0");
    const known = this.#sharedNumbers.get(key);
    if (known !== undefined || this.#shared.length >= mostShared) return known;
    const number = this.#shared.push(values) - 1;
    this.#sharedNumbers.set(key, number);
    this.#meta.putSync(sharedKey, this.#shared);
    return number;
  }

  sharedOf(number: number): readonly AttributeValue[] {
    const known = this.#shared[number];
    if (known !== undefined) return known;
    this.load();
    return this.#shared[number] ?? [];
  }
}
