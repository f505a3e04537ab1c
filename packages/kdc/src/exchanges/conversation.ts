import type { LogFacts } from "@waybill/base";
import type { PrincipalName } from "@waybill/kerberos";
import type { FastState } from "./fast.ts";
import type { KdcEvent } from "./kdc-context.ts";

/**
 * What is known about a request so far. An exchange fills it while it goes along, so that a refusal at any point
 * can be answered in the right form and logged with its facts.
 */
export interface Conversation {
  exchange: KdcEvent["exchange"];
  /** Set once armor is open: errors go inside it from then on. */
  fast?: FastState | undefined;
  nonce: number;
  sname?: PrincipalName | undefined;
  /** PA-PAC-OPTIONS of the request, echoed inside FAST errors. */
  pacOptions?: Uint8Array | undefined;
  /** Names and other facts for the log, the exchange first. */
  facts: Record<string, LogFacts[string]>;
}

export function newConversation(exchange: KdcEvent["exchange"]): Conversation {
  return { exchange, nonce: 0, facts: { exchange } };
}
