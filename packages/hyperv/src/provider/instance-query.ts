import type { AnyWmiClass } from "../schema/wmi-class.ts";
import { sameReference, type WmiReference } from "../schema/wmi-reference.ts";
import { evaluateWql, type PropertyValue } from "../wql/evaluate-wql.ts";
import { invalidQuery } from "../wql/tokenize-wql.ts";
import type { WqlSelect, WqlTraversal } from "../wql/wql-query.ts";
import type { ClassBinding, ProviderCall } from "./class-binding.ts";

export type Values = Readonly<Record<string, unknown>>;

/** An instance with the class it belongs to. */
export interface FoundInstance {
  readonly schema: AnyWmiClass;
  readonly values: Values;
}

/** Answers queries over a set of classes, as WMI does: with subclasses, names without case. */
export class InstanceQuery {
  readonly #bindings: readonly ClassBinding[];

  constructor(bindings: readonly ClassBinding[]) {
    this.#bindings = bindings;
  }

  /** The class itself and those that derive from it. */
  classes(namespace: string, className: string): readonly ClassBinding[] {
    const wanted = className.toLowerCase();
    return this.#bindings.filter(
      ({ schema }) =>
        schema.namespace === namespace &&
        (schema.className.toLowerCase() === wanted ||
          schema.superclasses.some((name) => name.toLowerCase() === wanted)),
    );
  }

  async select(call: ProviderCall, namespace: string, select: WqlSelect): Promise<readonly FoundInstance[]> {
    const bindings = this.classes(namespace, select.className);
    if (bindings.length === 0) throw invalidQuery(`the class ${select.className.slice(0, 80)} is not known`);
    const found = await this.#instances(bindings, { ...call, select });
    const { where } = select;
    if (where === undefined) return found;
    return found.filter((instance) => evaluateWql(where, (property) => propertyOf(instance, property)));
  }

  async traverse(
    call: ProviderCall,
    namespace: string,
    query: WqlTraversal,
  ): Promise<readonly FoundInstance[]> {
    const associations: { instance: FoundInstance; others: readonly WmiReference[] }[] = [];
    const wanted = query.kind === "references" ? query.resultClass : query.associationClass;
    const candidates = this.#bindings.filter(
      ({ schema }) => schema.namespace === namespace && isAssociation(schema) && isOrDerives(schema, wanted),
    );
    for (const instance of await this.#instances(candidates, call)) {
      const ends = Object.entries(instance.values).filter((pair): pair is [string, WmiReference] =>
        isReference(pair[1]),
      );
      const own = ends.find(([role, end]) => matches(role, query.role) && sameReference(end, query.object));
      if (own === undefined) continue;
      const others = ends
        .filter((end) => end !== own && matches(end[0], query.resultRole))
        .map(([, end]) => end);
      associations.push({ instance, others });
    }
    if (query.kind === "references") return associations.map(({ instance }) => instance);
    return await this.#resolve(
      call,
      associations.flatMap(({ others }) => others),
      query.resultClass,
    );
  }

  async #resolve(
    call: ProviderCall,
    references: readonly WmiReference[],
    resultClass: string | undefined,
  ): Promise<readonly FoundInstance[]> {
    const found: FoundInstance[] = [];
    for (const binding of this.#bindings) {
      const own = references.filter((reference) => reference.className === binding.schema.className);
      if (own.length === 0 || !isOrDerives(binding.schema, resultClass)) continue;
      for (const instance of await this.#instances([binding], call)) {
        const reference = binding.schema.referenceTo(instance.values);
        if (own.some((wanted) => sameReference(wanted, reference))) found.push(instance);
      }
    }
    return found;
  }

  async #instances(bindings: readonly ClassBinding[], call: ProviderCall): Promise<readonly FoundInstance[]> {
    const found: FoundInstance[] = [];
    for (const binding of bindings) {
      for (const values of await binding.instances(call)) found.push({ schema: binding.schema, values });
    }
    return found;
  }
}

/** A property as WQL compares it: moments and references as their text, arrays not at all. */
function propertyOf({ schema, values }: FoundInstance, name: string): PropertyValue {
  const wanted = name.toLowerCase();
  if (wanted === "__class") return schema.className;
  const key = Object.keys(schema.properties).find((candidate) => candidate.toLowerCase() === wanted);
  const property = key === undefined ? undefined : schema.properties[key];
  const value = key === undefined ? undefined : values[key];
  if (property === undefined || value === undefined || property.isArray || property.isEmbedded)
    return undefined;
  if (property.cimType === "datetime" || property.cimType === "reference") return property.toTexts(value)[0];
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? value
    : undefined;
}

function isAssociation(schema: AnyWmiClass): boolean {
  return Object.values(schema.properties).some(
    (property) => property.cimType === "reference" && property.required,
  );
}

function isOrDerives(schema: AnyWmiClass, name: string | undefined): boolean {
  const wanted = name?.toLowerCase();
  return (
    wanted === undefined ||
    [schema.className, ...schema.superclasses].some((each) => each.toLowerCase() === wanted)
  );
}

function matches(role: string, wanted: string | undefined): boolean {
  return wanted === undefined || role.toLowerCase() === wanted.toLowerCase();
}

function isReference(value: unknown): value is WmiReference {
  return typeof value === "object" && value !== null && "className" in value && "keys" in value;
}
