import { randomUUID } from "node:crypto";
import { type Logger, utf8, WaybillError } from "@waybill/base";
import { faultError } from "../errors.ts";
import { type Identity, writeIdentifyResponse } from "../messages/identify.ts";
import { anonymousAddress } from "../namespaces.ts";
import { Action } from "../registry/actions.ts";
import { type Envelope, writeEnvelope } from "../soap/envelope.ts";
import { type SoapFault, writeFault } from "../soap/fault.ts";
import { faultOf } from "../soap/fault-of.ts";
import type { XmlElement } from "../xml/element.ts";
import { writeXml } from "../xml/write-xml.ts";
import { reasonOf } from "./authentication.ts";

/** Writes answers: results, identities and faults, related to the request they answer. */
export class Answers {
  readonly #machine: string | undefined;
  readonly #logger: Logger;

  constructor(machine: string | undefined, logger: Logger) {
    this.#machine = machine;
    this.#logger = logger;
  }

  result(request: Envelope, body: XmlElement | undefined): Uint8Array {
    return this.#write(request, { action: `${request.action ?? ""}Response`, body });
  }

  /** Versions are for callers who are known and whose connection nobody listens to. */
  identity(request: Envelope, identity: Identity, known: boolean): Uint8Array {
    const shown = known ? identity : { ...identity, productVersion: "OS: 0.0.0 SP: 0.0 Stack: 3.0" };
    return this.#write(request, { body: writeIdentifyResponse(shown) });
  }

  fault(request: Envelope | undefined, error: unknown): Uint8Array {
    const fault = { ...this.#faultOf(error), machine: this.#machine };
    return this.#write(request, { action: Action.fault, body: writeFault(fault) });
  }

  #faultOf(error: unknown): SoapFault {
    if (error instanceof WaybillError) return faultOf(error);
    this.#logger.error("wsman.operation-failed", { why: reasonOf(error) });
    return faultOf(faultError("internalError", "the service could not complete the request"));
  }

  #write(request: Envelope | undefined, answer: Envelope): Uint8Array {
    const addressed = request?.messageId !== undefined || answer.action !== undefined;
    const headers: Envelope = addressed
      ? {
          to: request?.replyTo ?? anonymousAddress,
          messageId: `uuid:${randomUUID().toUpperCase()}`,
          relatesTo: request?.messageId,
        }
      : {};
    return utf8(writeXml(writeEnvelope({ ...headers, ...answer })));
  }
}
