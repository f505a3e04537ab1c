/** How the person's identity came to be in the ticket (MS-PAC, RFC-less well-known SIDs S-1-18-1 and S-1-18-2). */
export type AssertedBy = "authentication-authority" | "service" | "unknown";

export const assertedIdentity = { authority: "S-1-18-1", service: "S-1-18-2" } as const;

/** A person as one host sees them: what the KDC signed, nothing the peer claims. */
export interface Caller {
  /** The principal, as in `alice@LAB.TEST`. */
  readonly principal: string;
  /** SIDs of the person and of every group the PAC lists. */
  readonly sids: ReadonlySet<string>;
  readonly assertedBy: AssertedBy;
  /** Services that acted for the person on the way here, first to last; empty when they came themselves. */
  readonly transitedServices: readonly string[];
}

export function assertedBy(sids: ReadonlySet<string>): AssertedBy {
  // A PAC that carries both is read as the weaker one.
  if (sids.has(assertedIdentity.service)) return "service";
  return sids.has(assertedIdentity.authority) ? "authentication-authority" : "unknown";
}
