import { capture } from "@waybill/asn1";
import { decoding, defective, GssError } from "./gss-error.ts";
import type { Handshake, StepResult } from "./handshake.ts";
import { type InitiatorOptions, Krb5Initiator } from "./krb5-initiator.ts";
import { isKrb5, MechanismOid } from "./mechanism-oid.ts";
import type { SecurityContext } from "./security-context.ts";
import {
  decodeNegotiation,
  encodeInit,
  encodeResponse,
  MechTypeList,
  NegState,
  type NegTokenResp,
} from "./spnego-messages.ts";
import { isFramed, unframeToken } from "./token-frame.ts";

/**
 * SPNEGO, RFC 4178, as initiator: offers Kerberos under both its OIDs and nothing else.
 *
 * ```mermaid
 * sequenceDiagram
 *   initiator->>acceptor: NegTokenInit: mechanisms, AP-REQ
 *   acceptor->>initiator: NegTokenResp: chosen mechanism, AP-REP (and a MIC over the offer)
 *   initiator->>acceptor: NegTokenResp: MIC over the offer, when the acceptor asked or sent its own
 * ```
 */
export class SpnegoInitiator implements Handshake {
  readonly #inner: Krb5Initiator;
  readonly #offer = capture(MechTypeList, [MechanismOid.krb5, MechanismOid.microsoftKrb5]);
  #context: SecurityContext | undefined;
  #started = false;
  #finished = false;
  #micSent = false;

  constructor(options: InitiatorOptions) {
    this.#inner = new Krb5Initiator(options);
  }

  step(token?: Uint8Array): StepResult {
    if (this.#finished)
      throw new GssError("GSS_CONTEXT_COMPLETE", "the context needs no more tokens", { family: "caller" });
    if (!this.#started) {
      this.#started = true;
      const { token: mechToken, context } = this.#inner.step();
      this.#context = context;
      return { token: encodeInit({ mechTypes: this.#offer, mechToken }), done: false };
    }
    if (token === undefined) throw defective("the acceptor's answer is missing");
    const response = this.#read(token);
    const outgoing = this.#advance(response);
    const micIn = response.mechListMic;
    const context = this.#context;
    if (micIn !== undefined) {
      if (context === undefined) throw defective("a MIC before the mechanism is complete");
      context.verifyMic(this.#offer.bytes, micIn);
    }
    const complete = response.negState === NegState.acceptCompleted;
    const askedForMic = response.negState === NegState.requestMic || micIn !== undefined;
    const mic = context !== undefined && askedForMic && !complete && !this.#micSent;
    const reply =
      outgoing === undefined && !mic
        ? undefined
        : encodeResponse({
            negState: mic && micIn !== undefined ? NegState.acceptCompleted : NegState.acceptIncomplete,
            responseToken: outgoing,
            mechListMic: mic ? context?.getMic(this.#offer.bytes) : undefined,
          });
    this.#micSent ||= mic;
    // With both MICs exchanged neither side needs to hear more.
    const done =
      context !== undefined && outgoing === undefined && (complete || (this.#micSent && micIn !== undefined));
    if (!done && reply === undefined)
      throw defective("the acceptor neither completed nor sent anything to go on with");
    this.#finished = done;
    return done ? { token: reply, done, context } : { token: reply, done };
  }

  #read(token: Uint8Array): NegTokenResp {
    // Some acceptors answer an optimistic token with the bare mechanism's error.
    if (isFramed(token)) {
      if (isKrb5(unframeToken(token).mechanism))
        return { negState: NegState.acceptCompleted, responseToken: token };
      throw defective("the acceptor sent another offer");
    }
    if (token[0] === 0x7e) return { negState: NegState.reject, responseToken: token };
    const { kind, value } = decodeNegotiation(token);
    if (kind === "init") throw defective("the acceptor sent another offer");
    return value;
  }

  /** Hands the mechanism its token; returns what it wants to send. */
  #advance(response: NegTokenResp): Uint8Array | undefined {
    const { supportedMech, responseToken, negState } = response;
    if (supportedMech !== undefined && !isKrb5(supportedMech)) {
      throw supportedMech === MechanismOid.ntlm
        ? new GssError("SPNEGO_NTLM_REFUSED", "the acceptor wants NTLM, which is not spoken here")
        : new GssError("SPNEGO_NO_COMMON_MECHANISM", `the acceptor wants mechanism ${supportedMech}`);
    }
    const token = responseToken !== undefined && responseToken.length > 0 ? responseToken : undefined;
    if (negState === NegState.reject) {
      // A Kerberos error inside says why; reading it throws it.
      if (token !== undefined && this.#context === undefined)
        decoding("KRB-ERROR", () => this.#inner.step(token));
      throw new GssError("SPNEGO_REJECTED", "the acceptor refused the negotiation without giving a reason");
    }
    if (token === undefined || this.#context !== undefined) {
      if (this.#context === undefined && negState === NegState.acceptCompleted) {
        throw new GssError(
          "KRB_AP_ERR_MUT_FAIL",
          "the acceptor says the context is complete but did not prove who it is",
        );
      }
      return undefined;
    }
    const step = this.#inner.step(token);
    this.#context = step.context;
    return step.token;
  }
}
