import { emptyBytes } from "@waybill/base";
import { LdapError } from "../errors.ts";
import {
  decodeLayerOffer,
  encodeLayerOffer,
  GssapiLayer,
  largestBuffer,
  type SaslMechanism,
  type SaslProtection,
} from "./mechanism.ts";
import { SaslLayer } from "./sasl-layer.ts";
import type { SecurityContext, SecurityHandshake } from "./security-context.ts";

/** Cyrus SASL allocates what it is told; 64 KiB is what everyone offers. */
const offeredBuffer = 0x10000;

export type SaslStep<Context> =
  | { readonly done: false; readonly reply: Uint8Array }
  | {
      readonly done: true;
      readonly reply: Uint8Array | undefined;
      readonly context: Context;
      readonly layer: SaslLayer | undefined;
    };

/** The server's half of a SASL bind; the diagram stands at `SaslInitiator`. */
export class SaslAcceptor<Context extends SecurityContext> {
  readonly mechanism: SaslMechanism;
  readonly #handshake: SecurityHandshake<Context>;
  readonly #insideTls: boolean;
  readonly #requireSigning: boolean;
  #context: Context | undefined;
  #offered = 0;

  constructor(
    mechanism: SaslMechanism,
    handshake: SecurityHandshake<Context>,
    options: { readonly insideTls: boolean; readonly requireSigning: boolean },
  ) {
    this.mechanism = mechanism;
    this.#handshake = handshake;
    this.#insideTls = options.insideTls;
    this.#requireSigning = options.requireSigning;
  }

  /** @throws LdapError `strongerAuthRequired`, `unwillingToPerform`; whatever the handshake throws. */
  async step(fromClient: Uint8Array): Promise<SaslStep<Context>> {
    if (this.#context !== undefined) {
      return this.#offered === 0 ? this.#offer(this.#context) : this.#settle(this.#context, fromClient);
    }
    const { token, context } = await this.#handshake.step(fromClient);
    this.#context = context;
    if (context === undefined) return { done: false, reply: token ?? emptyBytes };
    if (this.mechanism === "GSS-SPNEGO") {
      return this.#finish(context, statedProtection(context), token, largestBuffer);
    }
    return token === undefined ? this.#offer(context) : { done: false, reply: token };
  }

  #offer(context: Context): SaslStep<Context> {
    const signing = context.integrity ? GssapiLayer.integrity : 0;
    const sealing = context.confidentiality ? GssapiLayer.confidential : 0;
    const plain = this.#insideTls || !this.#requireSigning ? GssapiLayer.none : 0;
    this.#offered = this.#insideTls ? plain : plain | signing | sealing;
    if (this.#offered === 0) throw signingRequired();
    const offer = { layers: this.#offered, maxBuffer: offeredBuffer, authzId: emptyBytes };
    return { done: false, reply: context.wrap(encodeLayerOffer(offer), false) };
  }

  #settle(context: Context, token: Uint8Array): SaslStep<Context> {
    const { layers, maxBuffer, authzId } = decodeLayerOffer(context.unwrap(token).message);
    if (authzId.length > 0 && Buffer.from(authzId).toString("utf8") !== context.peerName) {
      throw new LdapError({
        resultCode: "invalidCredentials",
        diagnosticMessage: "no other identity may be assumed",
      });
    }
    const protection = protections.get(layers);
    if (protection === undefined)
      throw new LdapError({ resultCode: "protocolError", diagnosticMessage: "SASL layer" });
    if (protection !== "none" && this.#insideTls) throw layerInsideTls();
    if ((layers & this.#offered) === 0) throw signingRequired();
    return this.#finish(context, protection, undefined, maxBuffer);
  }

  #finish(
    context: Context,
    protection: SaslProtection,
    reply: Uint8Array | undefined,
    maxSend: number,
  ): SaslStep<Context> {
    if (protection === "none") {
      if (this.#requireSigning && !this.#insideTls) throw signingRequired();
      return { done: true, reply, context, layer: undefined };
    }
    if (this.#insideTls) throw layerInsideTls();
    const confidential = protection === "confidential";
    return {
      done: true,
      reply,
      context,
      layer: new SaslLayer(context, { confidential, maxSend, maxReceive: largestBuffer }),
    };
  }
}

/** With GSS-SPNEGO the flags of the context decide; a client that states none wants no layer. */
function statedProtection(context: SecurityContext): SaslProtection {
  if (context.flagsAssumed === true) return "none";
  return context.confidentiality ? "confidential" : context.integrity ? "integrity" : "none";
}

const protections = new Map<number, SaslProtection>([
  [GssapiLayer.none, "none"],
  [GssapiLayer.integrity, "integrity"],
  [GssapiLayer.confidential, "confidential"],
]);

function signingRequired(): LdapError {
  return new LdapError({
    resultCode: "strongerAuthRequired",
    diagnosticMessage:
      "00002028: LdapErr: DSID-0C090276, comment: The server requires binds to turn on integrity checking if SSL\\TLS are not already active on the connection, data 0, v4f7c",
  });
}

function layerInsideTls(): LdapError {
  return new LdapError({
    resultCode: "unwillingToPerform",
    diagnosticMessage:
      "00002029: LdapErr: DSID-0C09016D, comment: Cannot bind using sign/seal on a connection on which TLS or SSL is in effect, data 0, v4f7c",
  });
}
