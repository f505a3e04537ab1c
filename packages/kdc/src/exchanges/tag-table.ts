const emptySlot = -1;

/**
 * A set of numbers up to 2⁵³ in one flat array: nothing for the garbage collector to follow, however many there are.
 * Open addressing; grows until it is half as large again as `capacity`.
 */
export class TagTable {
  readonly #capacity: number;
  #slots: Float64Array;
  #size = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#slots = new Float64Array(4096).fill(emptySlot);
  }

  get full(): boolean {
    return this.#size >= this.#capacity;
  }

  has(tag: number): boolean {
    return this.#slots[this.#find(tag)] === tag;
  }

  add(tag: number): void {
    const at = this.#find(tag);
    if (this.#slots[at] === tag) return;
    this.#slots[at] = tag;
    this.#size++;
    if (this.#size * 2 > this.#slots.length) this.#grow();
  }

  clear(): void {
    this.#slots.fill(emptySlot);
    this.#size = 0;
  }

  /** Tags are hash values already: their low bits are as good as any. */
  #find(tag: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = tag % slots.length;
    while (slots[at] !== emptySlot && slots[at] !== tag) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Float64Array(old.length * 4).fill(emptySlot);
    for (const tag of old) if (tag !== emptySlot) this.#slots[this.#find(tag)] = tag;
  }
}
