import type { Account } from "@waybill/directory";
import type { KdcProfile } from "./profile.ts";
import { type DirectoryFact, factOf, type Reason } from "./reason.ts";

/** A refusal as it goes on the wire, with the reason that the wire cannot carry. */
export interface Refusal {
  readonly allowed: false;
  /** KRB-ERROR code, `ErrorCode`. */
  readonly errorCode: number;
  /** For KERB-ERROR-DATA; `undefined`: no e-data. */
  readonly ntStatus: number | undefined;
  /** The reason the code stands for first, then every other one that would refuse by itself. Never empty. */
  readonly reasons: readonly [Reason, ...Reason[]];
}

/** Attributes the decision rests on that the directory's source did not let us read. Empty in a KDC. */
export interface Certainty {
  readonly uncertain: readonly DirectoryFact[];
}

export function refuse(
  profile: KdcProfile,
  errorCode: number,
  ntStatus: number | undefined,
  reason: Reason,
  ...more: readonly Reason[]
): Refusal {
  return {
    allowed: false,
    errorCode,
    ntStatus: profile.ntStatusInTgsErrors ? ntStatus : undefined,
    reasons: [reason, ...more],
  };
}

/** Facts that a decision wanted of an account but that could not be read. */
export function unreadableFacts(
  account: Account | undefined,
  ...attributes: readonly string[]
): DirectoryFact[] {
  if (account === undefined || account.unreadable.size === 0) return [];
  return attributes
    .filter((attribute) => account.unreadable.has(attribute.toLowerCase()))
    .map((attribute) => factOf(account, attribute, "(unreadable)"));
}
