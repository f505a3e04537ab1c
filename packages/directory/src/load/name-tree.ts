import { isPlainRdn, rdnKey, splitDn } from "../names/dn.ts";

/** No directory nests deeper, and what reads names goes level by level. */
const deepestName = 100;
/** The least a level takes; what is longer need not be taken apart to be refused. */
const longestName = 100_000;

const top = 0;

/**
 * Distinguished names as a tree, in which every name met, as an entry's or in one, has a number: links between names
 * are millions, and equal names differ in spelling.
 */
export class NameTree {
  /** The number of what lies above all names. */
  static readonly top = top;
  readonly #parents: number[] = [top];
  readonly #keys: string[] = [""];
  readonly #children: (Map<string, number> | undefined)[] = [undefined];
  /** Of names that others lie under. */
  readonly #domains = new Map<number, string>();
  /** Names that others lie under, by spelling. */
  readonly #above = new Map<string, number>();

  /** @returns `undefined` for what is no name, or too deep a one */
  numberOf(dn: string): number | undefined {
    const comma = dn.indexOf(",");
    const first = comma < 0 ? dn : dn.slice(0, comma);
    if (!isPlainRdn(first)) return this.#numberOfParts(dn);
    const parent = comma < 0 ? top : this.#numberAbove(dn.slice(comma + 1));
    return parent === undefined ? undefined : this.#child(parent, first.toLowerCase());
  }

  /** How many numbers there are. */
  get size(): number {
    return this.#parents.length;
  }

  parentOf(number: number): number {
    return this.#parents[number] ?? top;
  }

  /** Whether the name is a domain's: nothing but DC=. */
  isDomain(number: number): boolean {
    for (let at = number; at !== top; at = this.parentOf(at)) if (!this.#isLabel(at)) return false;
    return number !== top;
  }

  /** DNS name of the domain that a name lies in; empty when it lies in none. */
  domainOf(number: number): string {
    if (number === top) return "";
    const parent = this.parentOf(number);
    let above = this.#domains.get(parent);
    if (above === undefined) {
      above = this.domainOf(parent);
      this.#domains.set(parent, above);
    }
    if (!this.#isLabel(number)) return above;
    const label = (this.#keys[number] ?? "").slice(3);
    return above === "" ? label : `${label}.${above}`;
  }

  #isLabel(number: number): boolean {
    return this.#keys[number]?.startsWith("dc=") === true;
  }

  #numberAbove(dn: string): number | undefined {
    const known = this.#above.get(dn);
    if (known !== undefined) return known;
    const number = this.#numberOfParts(dn);
    if (number !== undefined) this.#above.set(dn, number);
    return number;
  }

  #numberOfParts(dn: string): number | undefined {
    if (dn.length > longestName) return undefined;
    try {
      const parts = splitDn(dn);
      return parts.length > deepestName
        ? undefined
        : parts.reduceRight((parent, rdn) => this.#child(parent, rdnKey(rdn)), top);
    } catch {
      return undefined;
    }
  }

  #child(parent: number, key: string): number {
    let children = this.#children[parent];
    if (children === undefined) {
      children = new Map();
      this.#children[parent] = children;
    }
    const known = children.get(key);
    if (known !== undefined) return known;
    const number = this.#parents.push(parent) - 1;
    this.#keys.push(key);
    this.#children.push(undefined);
    children.set(key, number);
    return number;
  }
}
