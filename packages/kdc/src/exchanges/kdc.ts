import {
  type Clock,
  emptyBytes,
  type Logger,
  type Random,
  silentLogger,
  systemClock,
  systemRandom,
} from "@waybill/base";
import type { DirectoryView } from "@waybill/directory";
import { ErrorCode, errorCodeName } from "@waybill/kerberos";
import { activeDirectory, type KdcProfile } from "../policy/index.ts";
import { answerAs } from "./as-exchange.ts";
import { asRefusal } from "./as-refusal.ts";
import { type Conversation, newConversation } from "./conversation.ts";
import { refusalReply, responseTooBig } from "./error-reply.ts";
import {
  type AccountStateWriter,
  defaultKdcSettings,
  type KdcContext,
  type KdcEvent,
  type KdcSettings,
  type RequestContext,
} from "./kdc-context.ts";
import { PacSource } from "./pac-content.ts";
import { KdcRefusal } from "./refusal.ts";
import { ReplayCache } from "./replay-cache.ts";
import { answerTgs, openTgsRequest } from "./tgs-exchange.ts";
import { TicketMemory } from "./ticket-memory.ts";

export interface KdcOptions {
  readonly directory: DirectoryView;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  /** Gets one `kdc.issued` or `kdc.refused` event per request. */
  readonly log?: Logger | undefined;
  readonly settings?: Partial<KdcSettings> | undefined;
  /** Whose rules to follow where KDCs differ; Active Directory's by default. */
  readonly profile?: KdcProfile | undefined;
  /** Where wrong passwords are counted; without it nobody is locked out. */
  readonly accountState?: AccountStateWriter | undefined;
  /** NetBIOS name of the domain controller, for LOGON_INFO. */
  readonly serverName?: string | undefined;
  /** Told the outcome of every request; for counters. */
  readonly onEvent?: ((event: KdcEvent) => void) | undefined;
}

const asReqTag = 0x6a;
const tgsReqTag = 0x6c;

/**
 * A key distribution centre without sockets: bytes in, bytes out, over a directory, a clock and randomness.
 *
 * @example
 * const kdc = new Kdc({ directory: new MemoryDirectory({ realm: "LAB.TEST" }) });
 * const reply = kdc.handle(request, { clientAddress: "10.0.0.7", transport: "tcp" });
 */
export class Kdc {
  readonly context: KdcContext;
  readonly #onEvent: (event: KdcEvent) => void;

  constructor(options: KdcOptions) {
    const { directory, clock = systemClock } = options;
    this.context = {
      directory,
      clock,
      random: options.random ?? systemRandom,
      log: options.log ?? silentLogger,
      settings: { ...defaultKdcSettings, ...options.settings },
      profile: options.profile ?? activeDirectory,
      replays: new ReplayCache({ clock, clockSkew: directory.domain.tickets.maxClockSkew }),
      tickets: new TicketMemory(),
      pacs: new PacSource(directory, options.serverName ?? "DC1"),
      accountState: options.accountState,
    };
    this.#onEvent = options.onEvent ?? ((): void => {});
  }

  get realm(): string {
    return this.context.directory.domain.realm;
  }

  /**
   * Answers one AS-REQ or TGS-REQ: an AS-REP, a TGS-REP or a KRB-ERROR. Anything else gets no answer (no bytes), so
   * that two KDCs cannot keep sending each other errors. Never throws.
   */
  handle(request: Uint8Array, context: RequestContext): Uint8Array {
    const tag = request[0];
    if (tag !== asReqTag && tag !== tgsReqTag) {
      this.#report(newConversation("unknown"), { outcome: "dropped", reason: "not-a-kdc-request" }, context);
      return emptyBytes;
    }
    const conversation = newConversation(tag === asReqTag ? "as" : "tgs");
    try {
      const answered = tag === asReqTag ? this.#as(request, conversation) : this.#tgs(request, conversation);
      this.#report(conversation, { outcome: answered.retransmission ? "retransmission" : "issued" }, context);
      return answered.reply;
    } catch (error) {
      return this.#refuse(error, conversation, context);
    }
  }

  /** What goes out over UDP in place of a reply that does not fit into a datagram. */
  responseTooBig(): Uint8Array {
    return responseTooBig(this.realm, this.context.clock.now());
  }

  #as(request: Uint8Array, conversation: Conversation): { reply: Uint8Array; retransmission: boolean } {
    return { reply: answerAs(request, conversation, this.context), retransmission: false };
  }

  #tgs(request: Uint8Array, conversation: Conversation): { reply: Uint8Array; retransmission: boolean } {
    const opened = openTgsRequest(request, conversation, this.context);
    const { cipher } = opened.ap;
    const verdict = this.context.replays.check(cipher, request);
    if (verdict.kind === "retransmission") return { reply: verdict.reply, retransmission: true };
    if (verdict.kind === "replay") {
      throw new KdcRefusal("KRB_AP_ERR_REPEAT", "the authenticator was used before", { reason: "replay" });
    }
    const reply = answerTgs(opened, conversation, this.context);
    this.context.replays.answered(cipher, request, reply);
    return { reply, retransmission: false };
  }

  #refuse(error: unknown, conversation: Conversation, context: RequestContext): Uint8Array {
    const refusal = asRefusal(error);
    if (refusal === undefined) {
      const name = error instanceof Error ? error.name : typeof error;
      const message = error instanceof Error ? error.message : String(error);
      this.context.log.error("kdc.failed", { exchange: conversation.exchange, name, message });
    }
    const errorCode = refusal?.errorCode ?? ErrorCode.KRB_ERR_GENERIC;
    const reason = refusal?.reason ?? "internal-error";
    Object.assign(conversation.facts, refusal?.logFacts);
    if (refusal !== undefined && refusal.reasons.length > 0) {
      conversation.facts.because = refusal.reasons.map((each) => each.sentence);
    }
    this.#report(conversation, { outcome: "refused", reason, errorCode }, context);
    const now = this.context.clock.now();
    return refusalReply(refusal ?? { errorCode }, conversation, this.realm, now);
  }

  #report(
    conversation: Conversation,
    result: Pick<KdcEvent, "outcome" | "reason" | "errorCode">,
    context: RequestContext,
  ): void {
    const { exchange, facts } = conversation;
    const { outcome, reason, errorCode } = result;
    // Added to what is there: every copy of the facts would cost more than counting the request.
    facts.exchange = exchange;
    facts.clientAddress = context.clientAddress;
    facts.transport = context.transport;
    this.#onEvent({ exchange, outcome, reason, errorCode, facts });
    const { log } = this.context;
    if (outcome === "refused") {
      const code = errorCodeName(errorCode ?? 0);
      const quiet = reason === "preauth-required";
      log[quiet ? "debug" : "info"]("kdc.refused", { exchange, reason, code, ...facts });
    } else if (outcome === "dropped") log.debug("kdc.dropped", { reason, ...context });
    else log.info("kdc.issued", facts);
  }
}
