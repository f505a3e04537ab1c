import { faultError } from "../errors.ts";
import {
  readEnumerate,
  readPull,
  writeEnumerateResponse,
  writePullResponse,
} from "../messages/enumeration.ts";
import { Ns } from "../namespaces.ts";
import { Action } from "../registry/actions.ts";
import { writeEndpointReference } from "../soap/endpoint-reference.ts";
import { type Envelope, isAnonymous } from "../soap/envelope.ts";
import { childText, element, type XmlElement } from "../xml/element.ts";
import type { EnumerationContexts } from "./enumeration-contexts.ts";
import type { OperationContext, WsmanProvider } from "./wsman-provider.ts";

/** Routes an envelope by its action to the provider and makes the body of the answer. */
export class Operations {
  readonly #provider: WsmanProvider;
  readonly #enumerations: EnumerationContexts;

  constructor(provider: WsmanProvider, enumerations: EnumerationContexts) {
    this.#provider = provider;
    this.#enumerations = enumerations;
  }

  async run(
    session: string,
    request: Envelope,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<XmlElement | undefined> {
    const { action } = request;
    if (action === undefined) throw faultError("headerRequired", "the message has no wsa:Action");
    if (!isAnonymous(request.replyTo)) {
      throw faultError("unsupportedFeature", "answers only go back on the connection they were asked on");
    }
    const context = this.#context(session, request, signal);
    switch (action) {
      case Action.get:
        return await this.#provider.get(context);
      case Action.put:
        return await this.#provider.put(context, bodyOf(request));
      case Action.create:
        return await this.#create(context, bodyOf(request));
      case Action.delete:
        return await this.#delete(context);
      case Action.enumerate:
        return await this.#enumerate(context, bodyOf(request), maxBytes);
      case Action.pull: {
        const pull = readPull(bodyOf(request));
        const batch = await this.#enumerations.pull(session, pull.context, pull.maxElements, maxBytes);
        return writePullResponse(batch);
      }
      case Action.release:
        this.#enumerations.release(
          session,
          childText(bodyOf(request), Ns.enumeration, "EnumerationContext") ?? "",
        );
        return undefined;
      default:
        return await this.#invoke(context, action, request);
    }
  }

  #context(session: string, request: Envelope, signal: AbortSignal): OperationContext {
    const { resourceUri } = request;
    if (resourceUri === undefined || resourceUri === "") {
      throw faultError("destinationUnreachable", "the message names no resource URI");
    }
    return {
      session,
      resourceUri,
      selectors: request.selectors ?? {},
      options: request.options ?? {},
      signal,
    };
  }

  async #create(context: OperationContext, instance: XmlElement): Promise<XmlElement> {
    if (this.#provider.create === undefined)
      throw faultError("actionNotSupported", "Create is not supported");
    const created = await this.#provider.create(context, instance);
    return writeEndpointReference(created, element(Ns.transfer, "ResourceCreated"));
  }

  async #delete(context: OperationContext): Promise<undefined> {
    if (this.#provider.delete === undefined)
      throw faultError("actionNotSupported", "Delete is not supported");
    await this.#provider.delete(context);
  }

  async #enumerate(context: OperationContext, body: XmlElement, maxBytes: number): Promise<XmlElement> {
    const request = readEnumerate(body);
    const items = await this.#provider.enumerate(context, { mode: request.mode, filter: request.filter });
    const id = this.#enumerations.add(context.session, items);
    if (request.optimized === 0) return writeEnumerateResponse({ items: [], context: id, end: false }, false);
    const batch = await this.#enumerations.pull(context.session, id, request.optimized, maxBytes);
    return writeEnumerateResponse(batch, true);
  }

  async #invoke(context: OperationContext, action: string, request: Envelope): Promise<XmlElement> {
    const prefix = `${context.resourceUri.replace(/\/$/, "")}/`;
    const method = action.slice(prefix.length);
    if (
      action.slice(0, prefix.length).toLowerCase() !== prefix.toLowerCase() ||
      !/^[A-Za-z_]\w{0,127}$/.test(method)
    ) {
      throw faultError("actionNotSupported", `the action ${action.slice(0, 200)} is not supported`);
    }
    // A method without parameters may come with an empty body.
    const input = request.body ?? element(context.resourceUri, `${method}_INPUT`);
    return await this.#provider.invoke(context, method, input);
  }
}

function bodyOf(request: Envelope): XmlElement {
  if (request.body === undefined) throw faultError("schemaValidation", "the message has an empty body");
  return request.body;
}
