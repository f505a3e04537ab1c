import {
  Dialect,
  type EnumerateQuery,
  type EnumerationItem,
  element,
  faultError,
  Hresult,
  type Identity,
  Ns,
  type OperationContext,
  type Selectors,
  type WsmanProvider,
  type XmlElement,
} from "@waybill/wsman";
import { readRecord, writeRecord } from "../schema/record-codec.ts";
import { parseResourceUri, toEndpointReference } from "../schema/wmi-reference.ts";
import { parseWql } from "../wql/parse-wql.ts";
import type { WqlSelect } from "../wql/wql-query.ts";
import type { ClassBinding, ProviderCall } from "./class-binding.ts";
import { consoleBindings } from "./console-bindings.ts";
import type { HyperVHost } from "./hyperv-host.ts";
import { type FoundInstance, InstanceQuery } from "./instance-query.ts";
import { jobBindings } from "./job-bindings.ts";
import { migrationBindings } from "./migration-bindings.ts";
import { vmBindings } from "./vm-bindings.ts";
import { waybillBindings } from "./waybill-bindings.ts";

const bindings: readonly ClassBinding[] = [
  ...vmBindings,
  ...migrationBindings,
  ...jobBindings,
  ...waybillBindings,
  ...consoleBindings,
];

/**
 * The WMI v2 surface over a `HyperVHost`: give it to a `WsmanServer`. It turns WS-Management operations into the
 * host's typed calls and its answers into instances; it decides nothing and remembers nothing.
 *
 * @example
 * ```ts
 * const server = new WsmanServer({ provider: new HyperVProvider(host), broker });
 * ```
 */
export class HyperVProvider implements WsmanProvider {
  readonly #host: HyperVHost;
  readonly #query = new InstanceQuery(bindings);

  constructor(host: HyperVHost) {
    this.#host = host;
  }

  identify(): Promise<Identity> {
    return Promise.resolve({
      protocolVersion: Ns.wsman,
      productVendor: "Waybill",
      productVersion: this.#host.productVersion,
    });
  }

  async get(context: OperationContext): Promise<XmlElement> {
    const { schema, values } = await this.#find(context);
    return schema.write(values);
  }

  async put(context: OperationContext, instance: XmlElement): Promise<XmlElement> {
    const binding = this.#classOf(context);
    if (binding.put === undefined) {
      throw faultError("actionNotSupported", `${binding.schema.className} cannot be put`);
    }
    await this.#find(context);
    const values = readRecord(binding.schema.properties, instance, binding.schema.className);
    await binding.put(this.#call(context), values);
    return await this.get(context);
  }

  async enumerate(context: OperationContext, query: EnumerateQuery): Promise<readonly EnumerationItem[]> {
    const { namespace, className } = this.#resource(context);
    const filter = query.filter;
    if (filter === undefined) {
      const select: WqlSelect = { kind: "select", className };
      this.#known(namespace, className);
      return this.#items(await this.#query.select(this.#call(context), namespace, select), query);
    }
    if (filter.dialect !== Dialect.wql) {
      throw faultError("filterDialectUnavailable", "filters are understood in the dialect WQL");
    }
    const parsed = parseWql(filter.text);
    const call = this.#call(context);
    if (parsed.kind !== "select")
      return this.#items(await this.#query.traverse(call, namespace, parsed), query);
    const found = await this.#query.select(call, namespace, parsed);
    return this.#items(found, query, parsed.properties);
  }

  async invoke(context: OperationContext, method: string, input: XmlElement): Promise<XmlElement> {
    const { schema, methods } = this.#classOf(context);
    const declared = Object.hasOwn(schema.methods, method) ? schema.methods[method] : undefined;
    if (declared === undefined) {
      throw faultError("actionNotSupported", `${schema.className} has no method ${method}`, {
        hresult: Hresult.invalidMethod,
      });
    }
    const parameters = readRecord(declared.input, input, `${schema.className}.${method}`);
    const run = Object.hasOwn(methods, method) ? methods[method] : undefined;
    const keys = plainKeys(context.selectors);
    // Declared by Hyper-V but meaningless here, such as stopping the service: "not supported" in CIM's own codes.
    const output =
      run === undefined ? { ReturnValue: 1 } : await run({ ...this.#call(context), keys, input: parameters });
    return element(
      schema.resourceUri,
      `${method}_OUTPUT`,
      ...writeRecord(declared.output, schema.resourceUri, output as { ReturnValue: number }),
    );
  }

  #call(context: OperationContext): ProviderCall {
    return { host: this.#host, caller: { session: context.session, signal: context.signal } };
  }

  #resource(context: OperationContext): { namespace: string; className: string } {
    const resource = parseResourceUri(context.resourceUri);
    if (resource !== undefined) return resource;
    throw faultError("destinationUnreachable", "the resource URI names no WMI class");
  }

  #known(namespace: string, className: string): readonly ClassBinding[] {
    const found = this.#query.classes(namespace, className);
    if (found.length > 0) return found;
    throw faultError(
      "destinationUnreachable",
      `there is no class ${className.slice(0, 80)} in ${namespace.slice(0, 80)}`,
      {
        hresult: Hresult.invalidClass,
      },
    );
  }

  #classOf(context: OperationContext): ClassBinding {
    const { namespace, className } = this.#resource(context);
    const wanted = className.toLowerCase();
    const exact = this.#known(namespace, className).find(
      ({ schema }) => schema.className.toLowerCase() === wanted,
    );
    if (exact !== undefined) return exact;
    throw faultError("destinationUnreachable", `${className} is abstract`, { hresult: Hresult.invalidClass });
  }

  async #find(context: OperationContext): Promise<FoundInstance> {
    const binding = this.#classOf(context);
    const { schema } = binding;
    const keys = plainKeys(context.selectors);
    for (const name of Object.keys(keys)) {
      if (!schema.keys.some((key) => key.toLowerCase() === name.toLowerCase())) {
        throw faultError("invalidSelectors", `${schema.className} has no key ${name.slice(0, 80)}`);
      }
    }
    const wanted = Object.entries(keys).map(
      ([name, value]) => [name.toLowerCase(), value.toLowerCase()] as const,
    );
    const found = (await binding.instances(this.#call(context))).filter((values) => {
      const own = schema.referenceTo(values).keys;
      const byName = new Map(
        Object.entries(own).map(([name, value]) => [name.toLowerCase(), value.toLowerCase()]),
      );
      return wanted.every(([name, value]) => byName.get(name) === value);
    });
    const [values] = found;
    if (values === undefined) throw faultError("notFound", `there is no such ${schema.className}`);
    if (found.length > 1)
      throw faultError("invalidSelectors", `the selectors match ${found.length} instances`);
    return { schema, values };
  }

  #items(
    found: readonly FoundInstance[],
    query: EnumerateQuery,
    properties?: readonly string[],
  ): readonly EnumerationItem[] {
    return found.map(({ schema, values }) => ({
      instance: query.mode === "references" ? undefined : project(schema.write(values), properties),
      reference: query.mode === "objects" ? undefined : toEndpointReference(schema.referenceTo(values)),
    }));
  }
}

/** `select A, B` gives a fragment with those properties only (MS-WSMV: w:XmlFragment). */
function project(instance: XmlElement, properties: readonly string[] | undefined): XmlElement {
  if (properties === undefined) return instance;
  const wanted = new Set(properties.map((name) => name.toLowerCase()));
  const kept = instance.children.filter(
    (child) => typeof child === "object" && "children" in child && wanted.has(child.name.toLowerCase()),
  );
  return element(Ns.wsman, "XmlFragment", ...kept);
}

function plainKeys(selectors: Selectors): Record<string, string> {
  const keys: Record<string, string> = {};
  for (const [name, value] of Object.entries(selectors)) {
    if (typeof value === "string" && name.toLowerCase() !== "__cimnamespace") keys[name] = value;
  }
  return keys;
}
