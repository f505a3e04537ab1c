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
    return this.#shape.names
      .map((name, at): [string, readonly AttributeValue[]] => [name, arrayOf(this.#values[at] ?? [])])
      .values();
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

/** Makes the attributes of many objects, of which most have the same names, one object after the other. */
export class AttributeShapes {
  readonly #root: Shape = { names: [], places: new Map(), next: new Map() };
  #shape = this.#root;
  #values: (AttributeValue | readonly AttributeValue[])[] = [];

  /** Adds values to the object in the making. */
  add(name: string, values: readonly AttributeValue[]): void {
    const next = this.#shape.next.get(name);
    const place = next === undefined ? this.#shape.places.get(name) : undefined;
    if (place !== undefined) {
      this.#values[place] = [...arrayOf(this.#values[place] ?? []), ...values];
      return;
    }
    this.#shape = next ?? this.#longer(name);
    const [only] = values;
    this.#values.push(only !== undefined && values.length === 1 ? only : values);
  }

  /** The object whose attributes were added; the next one begins. */
  finish(): CompactAttributes {
    const attributes = new CompactAttributes(this.#shape, this.#values);
    this.#shape = this.#root;
    this.#values = [];
    return attributes;
  }

  of(attributes: Iterable<readonly [string, readonly AttributeValue[]]>): CompactAttributes {
    for (const [name, values] of attributes) this.add(name, values);
    return this.finish();
  }

  #longer(name: string): Shape {
    const names = [...this.#shape.names, name];
    const longer = { names, places: new Map(names.map((each, place) => [each, place])), next: new Map() };
    this.#shape.next.set(name, longer);
    return longer;
  }
}
