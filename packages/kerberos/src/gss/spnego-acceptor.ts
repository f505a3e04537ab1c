import type { Captured } from "@waybill/asn1";
import { defective, GssError } from "./gss-error.ts";
import type { Handshake, StepResult } from "./handshake.ts";
import { type AcceptorOptions, Krb5Acceptor } from "./krb5-acceptor.ts";
import { isKrb5, MechanismOid } from "./mechanism-oid.ts";
import type { SecurityContext } from "./security-context.ts";
import {
  decodeNegotiation,
  encodeResponse,
  NegState,
  type NegTokenInit,
  type NegTokenResp,
} from "./spnego-messages.ts";
import { isFramed, unframeToken } from "./token-frame.ts";

const ntlmSignature = "NTLMSSP\0";
const apReqTag = 0x6e;
const mechanismNames: ReadonlyMap<string, string> = new Map(
  Object.entries(MechanismOid).map(([name, oid]) => [oid, name]),
);

/**
 * The acceptor of whatever a client opens with: SPNEGO (RFC 4178), a bare Kerberos token, or a DCE-style AP-REQ.
 * Of SPNEGO's mechanisms only Kerberos is accepted; a client that offers NTLM alone is told so by name.
 */
export class SpnegoAcceptor implements Handshake {
  readonly #inner: Krb5Acceptor;
  #bare = false;
  #offer: Captured<string[]> | undefined;
  #mechanism: string = MechanismOid.krb5;
  /** The client's first choice was not ours: both sides prove that nobody changed the list. */
  #micNeeded = false;
  #micSent = false;
  #context: SecurityContext | undefined;
  #finished = false;

  constructor(options: AcceptorOptions) {
    this.#inner = new Krb5Acceptor(options);
  }

  step(token?: Uint8Array): StepResult {
    if (this.#finished)
      throw new GssError("GSS_CONTEXT_COMPLETE", "the context needs no more tokens", { family: "caller" });
    if (token === undefined || token.length === 0) throw defective("the initiator's token is missing");
    if (this.#bare) return this.#inner.step(token);
    const result = this.#offer === undefined ? this.#open(token) : this.#continue(token, this.#offer);
    this.#finished = result.done;
    return result;
  }

  #open(token: Uint8Array): StepResult {
    if (Buffer.from(token.subarray(0, 8)).toString("latin1") === ntlmSignature) throw ntlmRefused();
    if (token[0] === apReqTag) return this.#openBare(token);
    const { mechanism, body } = unframeToken(token);
    if (isKrb5(mechanism)) return this.#openBare(token);
    if (mechanism !== MechanismOid.spnego) {
      throw new GssError(
        "GSS_BAD_MECHANISM",
        `mechanism ${mechanismNames.get(mechanism) ?? mechanism} is not accepted`,
      );
    }
    const { kind, value } = decodeNegotiation(body);
    if (kind !== "init") throw defective("an answer where an offer was expected");
    return this.#choose(value);
  }

  #openBare(token: Uint8Array): StepResult {
    this.#bare = true;
    return this.#inner.step(token);
  }

  #choose(init: NegTokenInit): StepResult {
    const offered = init.mechTypes.value;
    const chosen = offered.find(isKrb5);
    const rejected = encodeResponse({ negState: NegState.reject });
    if (chosen === undefined) {
      if (offered.includes(MechanismOid.ntlm)) throw ntlmRefused(rejected);
      const names = offered.slice(0, 8).map((oid) => mechanismNames.get(oid) ?? oid);
      throw new GssError(
        "SPNEGO_NO_COMMON_MECHANISM",
        `the client offers no Kerberos, only ${names.join(", ")}`,
        {
          token: rejected,
        },
      );
    }
    this.#offer = init.mechTypes;
    this.#mechanism = chosen;
    if (chosen === offered[0]) {
      if (init.mechToken === undefined) {
        return {
          token: encodeResponse({ negState: NegState.acceptIncomplete, supportedMech: chosen }),
          done: false,
        };
      }
      return this.#mechanismStep(init.mechToken, undefined, init.mechTypes);
    }
    // The optimistic token, if any, is of a mechanism that was not chosen.
    this.#micNeeded = true;
    return { token: encodeResponse({ negState: NegState.requestMic, supportedMech: chosen }), done: false };
  }

  #continue(token: Uint8Array, offer: Captured<string[]>): StepResult {
    if (isFramed(token)) throw defective("a second offer");
    const { kind, value } = decodeNegotiation(token);
    if (kind !== "response") throw defective("a second offer");
    if (value.negState === NegState.reject)
      throw new GssError("SPNEGO_REJECTED", "the client gave up the negotiation");
    const context = this.#context;
    if (context === undefined) {
      if (value.responseToken === undefined) throw defective("a Kerberos token was expected");
      return this.#mechanismStep(value.responseToken, value.mechListMic, offer);
    }
    if (value.mechListMic === undefined) {
      throw new GssError(
        "SPNEGO_MIC_MISSING",
        "the client did not confirm the list of mechanisms it offered",
      );
    }
    context.verifyMic(offer.bytes, value.mechListMic);
    return this.#complete(context, undefined, offer);
  }

  #mechanismStep(token: Uint8Array, mic: Uint8Array | undefined, offer: Captured<string[]>): StepResult {
    const { token: reply, context } = this.#mechanismToken(token);
    if (context === undefined) {
      return {
        token: this.#response({ negState: NegState.acceptIncomplete, responseToken: reply }),
        done: false,
      };
    }
    this.#context = context;
    if (mic !== undefined) {
      context.verifyMic(offer.bytes, mic);
      return this.#complete(context, reply, offer);
    }
    if (!this.#micNeeded) {
      return {
        token: this.#response({ negState: NegState.acceptCompleted, responseToken: reply }),
        done: true,
        context,
      };
    }
    this.#micSent = true;
    const mechListMic = context.getMic(offer.bytes);
    return {
      token: this.#response({ negState: NegState.acceptIncomplete, responseToken: reply, mechListMic }),
      done: false,
    };
  }

  #mechanismToken(token: Uint8Array): StepResult {
    try {
      return this.#inner.step(token);
    } catch (error) {
      if (!(error instanceof GssError)) throw error;
      const response = this.#response({ negState: NegState.reject, responseToken: error.token });
      throw new GssError(error.code, error.message, {
        family: error.family,
        remedy: error.remedy,
        facts: error.facts,
        cause: error.cause ?? error,
        token: response,
      });
    }
  }

  /** The client's MIC was good. When ours is already there, nothing is left to say. */
  #complete(context: SecurityContext, reply: Uint8Array | undefined, offer: Captured<string[]>): StepResult {
    if (this.#micSent) return { done: true, context };
    const mechListMic = context.getMic(offer.bytes);
    return {
      token: this.#response({ negState: NegState.acceptCompleted, responseToken: reply, mechListMic }),
      done: true,
      context,
    };
  }

  #named = false;

  /** The chosen mechanism is named in the first answer only. */
  #response(response: NegTokenResp): Uint8Array {
    const supportedMech = this.#named || this.#micNeeded ? undefined : this.#mechanism;
    this.#named = true;
    return encodeResponse({ ...response, supportedMech });
  }
}

function ntlmRefused(token?: Uint8Array): GssError {
  return new GssError(
    "SPNEGO_NTLM_REFUSED",
    "the client has no Kerberos ticket and offers NTLM, which is not accepted",
    {
      token,
      remedy:
        "Use the host's name instead of its address, check that its service principal name is registered, and log in to the domain.",
    },
  );
}
