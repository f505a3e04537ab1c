import { type CallOptions, Dialect, element, type WsmanClient, type XmlElement } from "@waybill/wsman";
import { readRecord, writeRecord } from "../schema/record-codec.ts";
import type { AnyWmiClass, Instance, MethodInput, MethodName, MethodOutput } from "../schema/wmi-class.ts";
import { resourceUriOf, toEndpointReference, type WmiReference } from "../schema/wmi-reference.ts";

/** Typed WMI over a WS-Management client: queries, instances and methods of declared classes. */
export class WmiSession {
  readonly #wsman: WsmanClient;

  constructor(wsman: WsmanClient) {
    this.#wsman = wsman;
  }

  /** All instances a WQL query finds, as elements: for queries whose results have several classes. */
  async query(namespace: string, wql: string, options: CallOptions = {}): Promise<readonly XmlElement[]> {
    const filter = { dialect: Dialect.wql, text: wql };
    const found: XmlElement[] = [];
    for await (const item of this.#wsman.enumerate(resourceUriOf(namespace, "*"), { ...options, filter })) {
      if (item.instance !== undefined) found.push(item.instance);
    }
    return found;
  }

  /** Instances of one class, those that a WHERE clause selects. */
  async select<C extends AnyWmiClass>(
    schema: C,
    where?: string,
    options: CallOptions = {},
  ): Promise<readonly Instance<C>[]> {
    const wql = `select * from ${schema.className}${where === undefined ? "" : ` where ${where}`}`;
    const found = await this.query(schema.namespace, wql, options);
    return found.map((instance) => schema.read(instance) as Instance<C>);
  }

  async get<C extends AnyWmiClass>(
    schema: C,
    reference: WmiReference,
    options: CallOptions = {},
  ): Promise<Instance<C>> {
    return schema.read(await this.#wsman.get(toEndpointReference(reference), options)) as Instance<C>;
  }

  async put<C extends AnyWmiClass>(
    schema: C,
    instance: Instance<C>,
    options: CallOptions = {},
  ): Promise<void> {
    const reference = toEndpointReference(schema.referenceTo(instance));
    await this.#wsman.put(reference, schema.write(instance), options);
  }

  async invoke<C extends AnyWmiClass, N extends MethodName<C>>(
    schema: C,
    reference: WmiReference,
    method: N,
    input: MethodInput<C, N>,
    options: CallOptions = {},
  ): Promise<MethodOutput<C, N>> {
    const declared = schema.methods[method];
    if (declared === undefined) throw new RangeError(`${schema.className} declares no method ${method}`);
    const uri = resourceUriOf(reference.namespace, reference.className);
    const body = element(uri, `${method}_INPUT`, ...writeRecord(declared.input, uri, input));
    const output = await this.#wsman.invoke(toEndpointReference(reference), method, body, options);
    return readRecord(declared.output, output, `${schema.className}.${method}`) as MethodOutput<C, N>;
  }
}

/** A text inside a WQL query: quotes and backslashes escaped, so that a name can never become part of the query. */
export function wqlText(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
