import type { KeySet } from "./keys.ts";

/**
 * A trust with another realm. Tickets to that realm are encrypted in the keys of the account `NETBIOS$` of kind
 * `trust`; tickets from it in the trust's own keys.
 */
export interface Trust {
  readonly dn: string;
  /** DNS name of the other domain, or name of the other realm. */
  readonly partner: string;
  readonly netbiosName?: string | undefined;
  /** Of the other domain; realms that are no domains have none. */
  readonly sid?: string | undefined;
  /** Bits of `TrustDirection`. */
  readonly direction: number;
  /** One of `TrustType`. */
  readonly type: number;
  /** Bits of `TrustAttributes`. */
  readonly attributes: number;
  /** Of tickets that the other realm issues to clients of this one's services; empty when the source gives no keys. */
  readonly keySets: readonly KeySet[];
}

/** trustDirection: MS-ADTS section 6.1.6.7.12. `inbound`: the partner trusts this domain; `outbound`: the reverse. */
export const TrustDirection = { inbound: 1, outbound: 2 } as const;

/** trustType: MS-ADTS section 6.1.6.7.15. `uplevel`: an Active Directory domain; `mit`: a realm without SIDs. */
export const TrustType = { downlevel: 1, uplevel: 2, mit: 3 } as const;

/** trustAttributes: MS-ADTS section 6.1.6.7.9. */
export const TrustAttributes = {
  nonTransitive: 0x1,
  quarantined: 0x4,
  forestTransitive: 0x8,
  withinForest: 0x20,
  treatAsExternal: 0x40,
} as const;
