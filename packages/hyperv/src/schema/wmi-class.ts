import { element, Ns, withAttribute, type XmlElement, XmlQName } from "@waybill/wsman";
import { invalidValue } from "../errors.ts";
import { parseEmbedded, readEmbeddedRecord, writeEmbeddedRecord } from "./embedded-instance.ts";
import { type Embeddable, type Property, required, uint32 } from "./property.ts";
import { type PropertyMap, type RecordOf, readRecord, writeRecord } from "./record-codec.ts";
import { resourceUriOf, virtualizationNamespace, type WmiReference } from "./wmi-reference.ts";

export interface WmiMethod<I extends PropertyMap = PropertyMap, O extends PropertyMap = PropertyMap> {
  readonly input: I;
  /** `ReturnValue` is always among them. */
  readonly output: O & { readonly ReturnValue: Property<number, true> };
}

export type MethodMap = Readonly<Record<string, WmiMethod>>;

export function method<I extends PropertyMap, O extends PropertyMap>(input: I, output: O): WmiMethod<I, O> {
  return { input, output: { ...output, ReturnValue: required(uint32) } };
}

export interface WmiClassOptions<P extends PropertyMap, M extends MethodMap> {
  readonly namespace?: string;
  /** Names of the properties that identify an instance. None for a class that is only ever embedded. */
  readonly keys: readonly (keyof P & string)[];
  /** Classes it derives from, nearest first: a query for one of them finds its instances too. */
  readonly superclasses?: readonly string[];
  readonly properties: P;
  readonly methods?: M;
}

/**
 * A WMI class: one declaration that gives the TypeScript type of an instance (`Instance<typeof X>`), its reader and
 * writer for WS-Management and for embedded CIM-XML, its references and its methods.
 *
 * @example
 * ```ts
 * export const Box = wmiClass("Test_Box", { keys: ["Name"], properties: { Name: required(string), Weight: uint32 } });
 * export type Box = Instance<typeof Box>;
 * ```
 */
export interface WmiClass<P extends PropertyMap = PropertyMap, M extends MethodMap = MethodMap>
  extends Embeddable<Partial<RecordOf<P>>> {
  readonly className: string;
  readonly namespace: string;
  readonly resourceUri: string;
  readonly keys: readonly string[];
  readonly superclasses: readonly string[];
  readonly properties: P;
  readonly methods: M;
  /** @throws HyperVError `WMI_VALUE_INVALID` with the property's path. */
  read(source: XmlElement): RecordOf<P>;
  write(instance: RecordOf<P>): XmlElement;
  referenceTo(instance: RecordOf<P>): WmiReference;
  /** A reference from key values, for objects whose keys are known. */
  referenceBy(keys: Readonly<Record<string, string>>): WmiReference;
}

/** Any class, where its own type does not matter. */
export type AnyWmiClass = WmiClass<PropertyMap, MethodMap>;

/** The type of a class's instances. */
export type Instance<C extends AnyWmiClass> = C extends WmiClass<infer P, infer _M> ? RecordOf<P> : never;
export type MethodName<C extends AnyWmiClass> = keyof C["methods"] & string;
export type MethodInput<C extends AnyWmiClass, N extends MethodName<C>> = RecordOf<C["methods"][N]["input"]>;
export type MethodOutput<C extends AnyWmiClass, N extends MethodName<C>> = RecordOf<
  C["methods"][N]["output"]
>;

// biome-ignore lint/complexity/noBannedTypes: a class without methods has an empty map of them
type NoMethods = {};

export function wmiClass<P extends PropertyMap, M extends MethodMap = NoMethods>(
  className: string,
  options: WmiClassOptions<P, M>,
): WmiClass<P, M> {
  const { properties, keys } = options;
  const namespace = options.namespace ?? virtualizationNamespace;
  const resourceUri = resourceUriOf(namespace, className);
  const referenceBy = (values: Readonly<Record<string, string>>): WmiReference => ({
    namespace,
    className,
    keys: values,
  });
  return {
    className,
    namespace,
    resourceUri,
    keys,
    superclasses: options.superclasses ?? [],
    properties,
    methods: options.methods ?? ({} as M),
    read: (source) => readRecord(properties, source, className),
    write: (instance) =>
      withAttribute(
        element(resourceUri, className, ...writeRecord(properties, resourceUri, instance)),
        Ns.xsi,
        "type",
        new XmlQName(resourceUri, `${className}_Type`),
      ),
    referenceBy,
    referenceTo: (instance) => {
      const values: Readonly<Record<string, unknown>> = instance;
      const textOfKey = (key: string): string => properties[key]?.toTexts(values[key])[0] ?? "";
      return referenceBy(Object.fromEntries(keys.map((key) => [key, textOfKey(key)])));
    },
    writeEmbedded: (value) => writeEmbeddedRecord(properties, className, value),
    readEmbedded: (text, path = className) => {
      const parsed = parseEmbedded(text, path);
      if (parsed.className.toLowerCase() !== className.toLowerCase()) {
        throw invalidValue(path, `expected an instance of ${className}, got ${parsed.className}`);
      }
      return readEmbeddedRecord(properties, parsed.instance, path);
    },
  };
}

/** An embedded instance of one of several classes, with its class's name. `value` is undefined for a class that is not known. */
export type EmbeddedChoice = { readonly class: string; readonly value: unknown };

/** For parameters that take instances of any of several classes, such as resource settings. */
export function embeddedChoice(...classes: readonly AnyWmiClass[]): Embeddable<EmbeddedChoice> {
  const byName = new Map(classes.map((each) => [each.className.toLowerCase(), each]));
  return {
    writeEmbedded: (choice) => {
      const schema = byName.get(choice.class.toLowerCase());
      if (schema === undefined)
        throw invalidValue(choice.class, "is not among the classes that can be embedded here");
      return schema.writeEmbedded(choice.value as RecordOf<PropertyMap>);
    },
    readEmbedded: (text, path = "instance") => {
      const { className } = parseEmbedded(text, path);
      const schema = byName.get(className.toLowerCase());
      if (schema === undefined) return { class: className, value: undefined };
      return { class: schema.className, value: schema.readEmbedded(text, path) };
    },
  };
}

/** The value of a choice when it is an instance of `schema`. */
export function chosen<C extends AnyWmiClass>(
  schema: C,
  choice: EmbeddedChoice,
): Partial<Instance<C>> | undefined {
  return choice.class === schema.className ? (choice.value as Partial<Instance<C>>) : undefined;
}
