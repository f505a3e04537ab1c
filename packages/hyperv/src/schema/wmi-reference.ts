import { type EndpointReference, wmiResourcePrefix } from "@waybill/wsman";
import { invalidValue } from "../errors.ts";

/** Points at one instance of a WMI class. Key values are always text, as in selectors. */
export interface WmiReference {
  /** `root/virtualization/v2` */
  readonly namespace: string;
  readonly className: string;
  readonly keys: Readonly<Record<string, string>>;
}

export const virtualizationNamespace = "root/virtualization/v2";
/** Waybill's own classes live beside Hyper-V's, never among them. */
export const waybillNamespace = "root/waybill";

export function resourceUriOf(namespace: string, className: string): string {
  return `${wmiResourcePrefix}${namespace}/${className}`;
}

/** The namespace and class a WMI resource URI names; undefined for other resources. URIs compare without case. */
export function parseResourceUri(uri: string): { namespace: string; className: string } | undefined {
  if (uri.slice(0, wmiResourcePrefix.length).toLowerCase() !== wmiResourcePrefix) return undefined;
  const path = uri.slice(wmiResourcePrefix.length).replace(/\?.*$/, "");
  const split = path.lastIndexOf("/");
  if (split <= 0) return undefined;
  return { namespace: path.slice(0, split).toLowerCase(), className: path.slice(split + 1) };
}

export function toEndpointReference(reference: WmiReference): EndpointReference {
  return {
    resourceUri: resourceUriOf(reference.namespace, reference.className),
    selectors: { __cimnamespace: reference.namespace, ...reference.keys },
  };
}

/** @throws HyperVError `WMI_VALUE_INVALID` when it is no reference to a WMI instance. */
export function fromEndpointReference(reference: EndpointReference, path: string): WmiReference {
  const parsed = parseResourceUri(reference.resourceUri);
  if (parsed === undefined) throw invalidValue(path, `${reference.resourceUri} is no WMI resource`);
  const keys: Record<string, string> = {};
  for (const [name, value] of Object.entries(reference.selectors)) {
    if (typeof value === "string" && name !== "__cimnamespace") keys[name] = value;
  }
  return { ...parsed, keys };
}

/** `\\.\root\virtualization\v2:Class.Key="value"`: the notation of properties that hold a path as text. */
export function formatObjectPath(reference: WmiReference): string {
  const keys = Object.entries(reference.keys).map(
    ([name, value]) => `${name}="${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`,
  );
  return `\\\\.\\${reference.namespace.replaceAll("/", "\\")}:${reference.className}.${keys.join(",")}`;
}

/** Undefined when the text is no object path. The machine name and namespace may be missing. */
export function parseObjectPath(
  text: string,
  defaultNamespace = virtualizationNamespace,
): WmiReference | undefined {
  const head = /^(?:\\\\[^\\]{1,255}\\)?(?:([A-Za-z][\w\\/]{0,255}):)?([A-Za-z_]\w{0,255})\./.exec(text);
  if (head === null) return undefined;
  const keys: Record<string, string> = {};
  let rest = text.slice(head[0].length);
  while (rest !== "") {
    const pair = /^([A-Za-z_]\w*)=(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(\d+))(,|$)/.exec(rest);
    if (pair?.[1] === undefined) return undefined;
    keys[pair[1]] = (pair[2] ?? pair[3] ?? pair[4] ?? "").replace(/\\(.)/g, "$1");
    rest = rest.slice(pair[0].length);
  }
  const namespace = (head[1] ?? defaultNamespace).replaceAll("\\", "/").toLowerCase();
  return { namespace, className: head[2] ?? "", keys };
}

/** Whether two references mean the same instance: class names and keys compare without case, as WMI does. */
export function sameReference(left: WmiReference, right: WmiReference): boolean {
  if (left.className.toLowerCase() !== right.className.toLowerCase()) return false;
  const keys = Object.entries(left.keys);
  if (keys.length !== Object.keys(right.keys).length) return false;
  return keys.every(([name, value]) => right.keys[name]?.toLowerCase() === value.toLowerCase());
}
