import { DefinitionError } from "../qmp-error.ts";

/**
 * Reads plain data of unknown origin and collects everything that is wrong with it, each with its path, so
 * that a person repairs a definition once and not line by line.
 */
export class FieldReader {
  readonly #problems: string[];
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #seen = new Set<string>();

  constructor(value: unknown, path: string, problems: string[]) {
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    if (!isObject) problems.push(`${path || "definition"}: an object is needed, got ${describe(value)}`);
    this.#value = isObject ? (value as Record<string, unknown>) : {};
    this.#path = path;
    this.#problems = problems;
  }

  problem(field: string, what: string): void {
    this.#problems.push(`${this.#at(field)}: ${what}`);
  }

  has(field: string): boolean {
    return this.#value[field] !== undefined;
  }

  text(field: string, rule: TextRule, fallback?: string): string {
    const value = this.#take(field) ?? fallback;
    if (typeof value === "string" && rule.test(value)) return value;
    this.problem(field, value === undefined ? "is missing" : `${rule.needs}, got ${describe(value)}`);
    return "";
  }

  optionalText(field: string, rule: TextRule): string | undefined {
    return this.has(field) ? this.text(field, rule) : void this.#take(field);
  }

  integer(field: string, minimum: number, maximum: number, fallback?: number): number {
    const value = this.#take(field) ?? fallback;
    if (typeof value === "number" && Number.isInteger(value) && value >= minimum && value <= maximum)
      return value;
    this.problem(field, `a whole number from ${minimum} to ${maximum} is needed, got ${describe(value)}`);
    return minimum;
  }

  flag(field: string, fallback: boolean): boolean {
    const value = this.#take(field) ?? fallback;
    if (typeof value === "boolean") return value;
    this.problem(field, `true or false is needed, got ${describe(value)}`);
    return fallback;
  }

  oneOf<const T extends string>(field: string, choices: readonly T[], fallback?: T): T {
    const value = this.#take(field) ?? fallback;
    const found = choices.find((choice) => choice === value);
    if (found !== undefined) return found;
    this.problem(field, `one of ${choices.join(", ")} is needed, got ${describe(value)}`);
    return choices[0] as T;
  }

  list<T>(
    field: string,
    maximum: number,
    read: (value: unknown, path: string, problems: string[]) => T,
  ): T[] {
    const value = this.#take(field) ?? [];
    if (!Array.isArray(value) || value.length > maximum) {
      this.problem(field, `a list of at most ${maximum} is needed, got ${describe(value)}`);
      return [];
    }
    return value.map((item: unknown, index) => read(item, `${this.#at(field)}[${index}]`, this.#problems));
  }

  object(field: string): FieldReader | undefined {
    const value = this.#take(field);
    return value === undefined ? undefined : new FieldReader(value, this.#at(field), this.#problems);
  }

  /** Refuses whatever nobody asked for: a misspelt field must not be silently ignored. */
  end(): void {
    for (const field of Object.keys(this.#value))
      if (!this.#seen.has(field)) this.problem(describeName(field), "is not a known field");
  }

  #take(field: string): unknown {
    this.#seen.add(field);
    return Object.hasOwn(this.#value, field) ? this.#value[field] : undefined;
  }

  #at(field: string): string {
    return this.#path === "" ? field : `${this.#path}.${field}`;
  }
}

export interface TextRule {
  readonly needs: string;
  test(value: string): boolean;
}

/** Throws one error that lists every problem found. */
export function refuseProblems(what: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  const shown = problems.slice(0, 20).join("; ");
  throw new DefinitionError(`${what}: ${shown}`, { facts: { problems: problems.length } });
}

/** A value as it may stand in an error message: short, printable. */
export function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (value === null || value === undefined) return "nothing";
  return Array.isArray(value) ? `a list of ${value.length}` : "an object";
}

function describeName(name: string): string {
  return /^[\w.-]{1,40}$/.test(name) ? name : describe(name);
}
