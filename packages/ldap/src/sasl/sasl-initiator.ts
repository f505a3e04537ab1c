import { emptyBytes } from "@waybill/base";
import { LdapConnectionError } from "../errors.ts";
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

/**
 * The client's half of a SASL bind:
 *
 * ```mermaid
 * sequenceDiagram
 *   client->>server: context token (until the context is established)
 *   server->>client: context token
 *   Note over client,server: GSS-SPNEGO ends here. GSSAPI goes on:
 *   client->>server: empty, if the last context token came from the server
 *   server->>client: wrapped layers and buffer size
 *   client->>server: wrapped choice and buffer size
 * ```
 */
export class SaslInitiator {
  readonly #mechanism: SaslMechanism;
  readonly #handshake: SecurityHandshake;
  readonly #protection: SaslProtection;
  #context: SecurityContext | undefined;
  #chosen: { maxSend: number } | undefined;

  constructor(mechanism: SaslMechanism, handshake: SecurityHandshake, protection: SaslProtection) {
    this.#mechanism = mechanism;
    this.#handshake = handshake;
    this.#protection = protection;
  }

  /** Takes the server's credentials (none at first), returns what to send; empty bytes are sent as such. */
  async step(fromServer: Uint8Array | undefined): Promise<Uint8Array> {
    if (this.#context === undefined) {
      const { token, context } = await this.#handshake.step(fromServer);
      this.#context = context;
      return token ?? emptyBytes;
    }
    if (this.#mechanism === "GSS-SPNEGO" || this.#chosen !== undefined) {
      throw new LdapConnectionError(
        "LDAP_SASL_FAILED",
        "the server goes on after the SASL exchange is complete",
      );
    }
    return this.#chooseLayer(this.#context, fromServer ?? emptyBytes);
  }

  /** Takes the credentials of the server's success; returns the layer to install, if one was agreed on. */
  async finish(fromServer: Uint8Array | undefined): Promise<SaslLayer | undefined> {
    if (this.#context === undefined) {
      this.#context = (await this.#handshake.step(fromServer)).context;
    }
    const context = this.#context;
    if (context === undefined || (this.#mechanism === "GSSAPI" && this.#chosen === undefined)) {
      throw new LdapConnectionError(
        "LDAP_SASL_FAILED",
        "the server ended the SASL exchange before it was complete",
      );
    }
    if (this.#protection === "none") return undefined;
    this.#demandLayer(context);
    return new SaslLayer(context, {
      confidential: this.#protection === "confidential",
      maxSend: this.#chosen?.maxSend ?? largestBuffer,
      maxReceive: largestBuffer,
    });
  }

  #chooseLayer(context: SecurityContext, token: Uint8Array): Uint8Array {
    const { layers, maxBuffer } = decodeLayerOffer(context.unwrap(token).message);
    const wanted = GssapiLayer[this.#protection];
    if ((layers & wanted) === 0) {
      throw new LdapConnectionError(
        "LDAP_SASL_FAILED",
        `the server does not offer SASL protection "${this.#protection}"`,
        {
          remedy: "Choose another protection; inside TLS, most servers offer none.",
        },
      );
    }
    if (this.#protection !== "none") this.#demandLayer(context);
    this.#chosen = { maxSend: maxBuffer };
    const choice = {
      layers: wanted,
      maxBuffer: this.#protection === "none" ? 0 : largestBuffer,
      authzId: emptyBytes,
    };
    return context.wrap(encodeLayerOffer(choice), false);
  }

  #demandLayer(context: SecurityContext): void {
    if (this.#protection === "confidential" ? context.confidentiality : context.integrity) return;
    throw new LdapConnectionError(
      "LDAP_SASL_FAILED",
      `the security context cannot give the protection "${this.#protection}" that was asked for`,
    );
  }
}
