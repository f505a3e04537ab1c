import type { AttributeValue } from "../store/stored-object.ts";

/** The names of an object's attributes in their order; objects with the same ones share it. */
interface Shape {
  readonly names: readonly string[];
  readonly next: Map<string, Shape>;
}

/** Values of an object's attributes by name, in a small part of what a `Map` of its own takes. */
export class CompactAttributes implements ReadonlyMap<string, readonly AttributeValue[]> {
  readonly #names: readonly string[];
  readonly #values: readonly (readonly AttributeValue[])[];

  /** @param names shared with other objects, see `AttributeShapes` */
  constructor(names: readonly string[], values: readonly (readonly AttributeValue[])[]) {
    this.#names = names;
    this.#values = values;
  }

  get size(): number {
    return this.#names.length;
  }

  get(name: string): readonly AttributeValue[] | undefined {
    return this.#values[this.#names.indexOf(name)];
  }

  has(name: string): boolean {
    return this.#names.includes(name);
  }

  keys(): MapIterator<string> {
    return this.#names.values();
  }

  values(): MapIterator<readonly AttributeValue[]> {
    return this.#values.values();
  }

  entries(): MapIterator<[string, readonly AttributeValue[]]> {
    return new Map(this.#names.map((name, at) => [name, this.#values[at] ?? []])).entries();
  }

  [Symbol.iterator](): MapIterator<[string, readonly AttributeValue[]]> {
    return this.entries();
  }

  forEach(
    visit: (
      values: readonly AttributeValue[],
      name: string,
      map: ReadonlyMap<string, readonly AttributeValue[]>,
    ) => void,
  ): void {
    for (const [name, values] of this.entries()) visit(values, name, this);
  }
}

/** Makes the attributes of many objects, of which most have the same names and many the same values. */
export class AttributeShapes {
  readonly #root: Shape = { names: [], next: new Map() };
  readonly #common = new Map<string, readonly AttributeValue[]>();

  of(attributes: ReadonlyMap<string, readonly AttributeValue[]>): CompactAttributes {
    let shape = this.#root;
    for (const name of attributes.keys()) {
      let next = shape.next.get(name);
      if (next === undefined) {
        next = { names: [...shape.names, name], next: new Map() };
        shape.next.set(name, next);
      }
      shape = next;
    }
    return new CompactAttributes(shape.names, [...attributes.values()]);
  }

  /** The same array for the same texts. For attributes that have few different values. */
  shared(values: readonly string[]): readonly AttributeValue[] {
    const key = values.length === 1 ? (values[0] ?? "") : values.join("\0");
    const known = this.#common.get(key);
    if (known !== undefined) return known;
    this.#common.set(key, values);
    return values;
  }
}
