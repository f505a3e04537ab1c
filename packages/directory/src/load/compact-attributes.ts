import type { AttributeValue } from "../store/stored-object.ts";

/** The names of an object's attributes in their order; objects with the same ones share it. */
interface Shape {
  readonly names: readonly string[];
  /** Where each name is. */
  readonly places: ReadonlyMap<string, number>;
  readonly next: Map<string, Shape>;
}

/** Values of an object's attributes by name, in a small part of what a `Map` of its own takes. */
export class CompactAttributes implements ReadonlyMap<string, readonly AttributeValue[]> {
  readonly #shape: Shape;
  /** A single value is there as such: an array around each would take more than the values do. */
  readonly #values: readonly (AttributeValue | readonly AttributeValue[])[];

  /** @param shape shared with other objects, see `AttributeShapes` */
  constructor(shape: Shape, values: readonly (AttributeValue | readonly AttributeValue[])[]) {
    this.#shape = shape;
    this.#values = values;
  }

  get size(): number {
    return this.#values.length;
  }

  get(name: string): readonly AttributeValue[] | undefined {
    const place = this.#shape.places.get(name);
    const values = place === undefined ? undefined : this.#values[place];
    return values === undefined ? undefined : arrayOf(values);
  }

  has(name: string): boolean {
    return this.#shape.places.has(name);
  }

  keys(): MapIterator<string> {
    return this.#shape.places.keys();
  }

  values(): MapIterator<readonly AttributeValue[]> {
    return this.#values.map(arrayOf).values();
  }

  entries(): MapIterator<[string, readonly AttributeValue[]]> {
    return new Map(this.#shape.names.map((name, at) => [name, arrayOf(this.#values[at] ?? [])])).entries();
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

function arrayOf(values: AttributeValue | readonly AttributeValue[]): readonly AttributeValue[] {
  return typeof values === "string" || values instanceof Uint8Array ? [values] : values;
}

/** Makes the attributes of many objects, of which most have the same names and many the same values. */
export class AttributeShapes {
  readonly #root: Shape = { names: [], places: new Map(), next: new Map() };
  readonly #common = new Map<string, readonly string[]>();

  of(attributes: ReadonlyMap<string, readonly AttributeValue[]>): CompactAttributes {
    let shape = this.#root;
    for (const name of attributes.keys()) {
      let next = shape.next.get(name);
      if (next === undefined) {
        const names = [...shape.names, name];
        next = { names, places: new Map(names.map((each, place) => [each, place])), next: new Map() };
        shape.next.set(name, next);
      }
      shape = next;
    }
    const values = Array.from(attributes.values(), (each) => {
      const [only] = each;
      return only !== undefined && each.length === 1 ? only : each;
    });
    return new CompactAttributes(shape, values);
  }

  /** The same array for the same texts. For attributes that have few different values. */
  shared(values: readonly string[]): readonly string[] {
    const key = values.length === 1 ? (values[0] ?? "") : values.join("\0");
    const known = this.#common.get(key);
    if (known !== undefined) return known;
    this.#common.set(key, values);
    return values;
  }
}
