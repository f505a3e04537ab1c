import {
  childText,
  type EndpointReference,
  type EnumerateQuery,
  type EnumerationItem,
  element,
  faultError,
  type OperationContext,
  type WsmanProvider,
  type XmlElement,
} from "../../src/index.ts";

export const shelfUri = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/test/Shelf_Box";

/** A provider of boxes, each with a name and a weight. */
export class ShelfProvider implements WsmanProvider {
  readonly boxes = new Map<string, string>([
    ["red", "1"],
    ["green", "2"],
    ["blue & <white>", "3"],
  ]);
  readonly calls: string[] = [];
  returned = 0;

  identify() {
    return Promise.resolve({ protocolVersion: "1.0", productVendor: "Shelf", productVersion: "9.9" });
  }

  get(context: OperationContext): Promise<XmlElement> {
    this.calls.push(`get ${context.session.split("/")[0] ?? ""}`);
    const name = context.selectors.Name;
    const weight = typeof name === "string" ? this.boxes.get(name) : undefined;
    if (typeof name !== "string" || weight === undefined) {
      return Promise.reject(faultError("notFound", "there is no such box", { remedy: "Look at the shelf." }));
    }
    return Promise.resolve(this.#box(name, weight));
  }

  put(context: OperationContext, instance: XmlElement): Promise<XmlElement> {
    const name = context.selectors.Name;
    const weight = childText(instance, shelfUri, "Weight") ?? "0";
    if (typeof name !== "string") return Promise.reject(faultError("invalidSelectors", "Name is needed"));
    this.boxes.set(name, weight);
    return Promise.resolve(this.#box(name, weight));
  }

  enumerate(_context: OperationContext, query: EnumerateQuery): Promise<Iterable<EnumerationItem>> {
    const { boxes } = this;
    const make = (name: string, weight: string): EnumerationItem => ({
      instance: query.mode === "references" ? undefined : this.#box(name, weight),
      reference: query.mode === "objects" ? undefined : { resourceUri: shelfUri, selectors: { Name: name } },
    });
    const done = (): void => {
      this.returned += 1;
    };
    function* walk(): Generator<EnumerationItem> {
      try {
        for (const [name, weight] of boxes) yield make(name, weight);
      } finally {
        done();
      }
    }
    return Promise.resolve(walk());
  }

  create(_context: OperationContext, instance: XmlElement): Promise<EndpointReference> {
    const name = childText(instance, shelfUri, "Name") ?? "";
    this.boxes.set(name, childText(instance, shelfUri, "Weight") ?? "0");
    return Promise.resolve({ resourceUri: shelfUri, selectors: { Name: name } });
  }

  delete(context: OperationContext): Promise<void> {
    const { Name: name } = context.selectors;
    if (typeof name === "string" && this.boxes.delete(name)) return Promise.resolve();
    return Promise.reject(faultError("notFound", "there is no such box"));
  }

  async invoke(context: OperationContext, method: string, input: XmlElement): Promise<XmlElement> {
    this.calls.push(method);
    if (method === "Sleep") await new Promise((resolve) => setTimeout(resolve, 5000).unref());
    if (method === "Crash") throw new TypeError("secret internals");
    const said = childText(input, shelfUri, "Text") ?? "";
    return element(
      context.resourceUri,
      `${method}_OUTPUT`,
      element(context.resourceUri, "Text", said),
      element(context.resourceUri, "ReturnValue", "0"),
    );
  }

  #box(name: string, weight: string): XmlElement {
    return element(
      shelfUri,
      "Shelf_Box",
      element(shelfUri, "Name", name),
      element(shelfUri, "Weight", weight),
    );
  }
}
