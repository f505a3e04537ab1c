import type { AnyWmiClass, Instance, MethodInput, MethodName, MethodOutput } from "../schema/wmi-class.ts";
import type { WqlSelect } from "../wql/wql-query.ts";
import type { HostCaller, HyperVHost } from "./hyperv-host.ts";

export interface ProviderCall {
  readonly host: HyperVHost;
  readonly caller: HostCaller;
  /** The query being answered, if one is: instances it excludes may be left out, none has to be. */
  readonly select?: WqlSelect | undefined;
}

export interface MethodCall<I> extends ProviderCall {
  /** The keys of the instance the method is called on. */
  readonly keys: Readonly<Record<string, string>>;
  readonly input: I;
}

/** Any method's handler: which input it takes is known where its class is declared. */
export interface MethodHandler {
  run(call: MethodCall<unknown>): Promise<Readonly<Record<string, unknown>>>;
}

/** A class of the provider: where its instances come from and what its methods do. */
export interface ClassBinding {
  readonly schema: AnyWmiClass;
  instances(call: ProviderCall): Promise<readonly Readonly<Record<string, unknown>>[]>;
  readonly methods: Readonly<Record<string, MethodHandler["run"] | undefined>>;
  put?(call: ProviderCall, instance: Readonly<Record<string, unknown>>): Promise<void>;
}

export interface BindingParts<C extends AnyWmiClass> {
  readonly instances: (call: ProviderCall) => Promise<readonly Instance<C>[]>;
  readonly methods?: {
    readonly [N in MethodName<C>]?: (call: MethodCall<MethodInput<C, N>>) => Promise<MethodOutput<C, N>>;
  };
  put?(this: void, call: ProviderCall, instance: Instance<C>): Promise<void>;
}

export function bindClass<C extends AnyWmiClass>(schema: C, parts: BindingParts<C>): ClassBinding {
  return {
    schema,
    instances: parts.instances,
    methods: parts.methods ?? {},
    ...(parts.put === undefined ? {} : { put: parts.put }),
  };
}
