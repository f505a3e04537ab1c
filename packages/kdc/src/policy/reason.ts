import type { Account, UserAccountControlFlag } from "@waybill/directory";

/** Every reason there is. Stable: safe to match on, to document and to translate. */
export type ReasonId =
  // flags withheld from a ticket
  | "forwardable-not-requested"
  | "service-tgt-not-forwardable"
  | "service-sensitive"
  | "client-tgt-not-forwardable"
  | "client-tgt-not-proxiable"
  | "krbtgt-sensitive"
  | "user-sensitive"
  | "user-protected"
  | "kerberos-only"
  | "not-trusted-to-authenticate"
  | "protected-user-lifetime"
  // S4U2Self
  | "s4u2self-not-own-name"
  | "s4u2self-certificate"
  | "s4u2self-foreign-user"
  | "s4u2self-unknown-user"
  // S4U2Proxy
  | "evidence-not-forwardable"
  | "delegation-not-configured"
  | "target-not-listed"
  | "resource-grants-nobody"
  | "resource-does-not-grant"
  | "resource-grant-unreadable"
  | "resource-delegation-unsupported"
  | "target-is-krbtgt"
  | "target-without-pac"
  | "list-spelling-escaped"
  // evidence and TGT
  | "evidence-not-for-service"
  | "evidence-without-pac"
  | "evidence-unsigned"
  | "evidence-forged"
  | "service-tgt-without-pac"
  | "service-tgt-forged"
  | "requestor-mismatch"
  // clients of other realms
  | "foreign-ticket-of-own-client"
  | "transited-not-trusted"
  | "foreign-pac-missing"
  | "foreign-pac-forged"
  | "foreign-pac-domain"
  | "foreign-client-tgt"
  | "delegation-across-realms"
  | "trust-not-transitive"
  // accounts
  | "client-unknown"
  | "client-disabled"
  | "client-locked"
  | "client-expired"
  | "client-password-expired"
  | "client-must-change-password"
  | "client-outside-logon-hours"
  | "client-workstation"
  | "client-smartcard-required"
  | "client-is-krbtgt"
  | "service-unknown"
  | "service-name-duplicate"
  | "service-name-escaped"
  // encryption types
  | "no-common-encryption-type"
  | "rc4-not-allowed"
  | "protected-user-rc4"
  | "no-key"
  // options
  | "proxiable-not-allowed"
  | "forwardable-not-allowed"
  | "ticket-not-renewable"
  | "postdated-not-supported";

/** The piece of the directory a reason rests on. */
export interface DirectoryFact {
  /** DN of the object. */
  readonly object: string;
  /** Its sAMAccountName. */
  readonly account: string;
  readonly attribute: string;
  /** The value, or the part of it, that decides: `NOT_DELEGATED`, `(empty)`. */
  readonly value: string;
}

/** One change that would lift a reason. */
export type Change =
  | {
      readonly kind: "set-flag" | "clear-flag";
      readonly object: string;
      readonly account: string;
      readonly flag: UserAccountControlFlag;
    }
  | {
      readonly kind: "add-value" | "remove-value";
      readonly object: string;
      readonly account: string;
      readonly attribute: string;
      readonly value: string;
    }
  | {
      readonly kind: "clear-attribute";
      readonly object: string;
      readonly account: string;
      readonly attribute: string;
    }
  | {
      readonly kind: "set-attribute";
      readonly object: string;
      readonly account: string;
      readonly attribute: string;
      readonly value: string;
    }
  | {
      /** Let `trustee` act for others towards `object` (msDS-AllowedToActOnBehalfOfOtherIdentity). */
      readonly kind: "grant-delegation";
      readonly object: string;
      readonly account: string;
      readonly trustee: string;
      readonly trusteeAccount: string;
    }
  | {
      readonly kind: "leave-group";
      readonly object: string;
      readonly account: string;
      /** SID of the group. */
      readonly group: string;
      readonly groupName: string;
    }
  | { readonly kind: "reset-password"; readonly object: string; readonly account: string }
  | { readonly kind: "unlock"; readonly object: string; readonly account: string }
  /** Nothing in the directory: the requester has to ask differently. */
  | { readonly kind: "ask-differently"; readonly how: string }
  /** A newer KDC would answer otherwise. */
  | { readonly kind: "other-kdc"; readonly how: string };

/** Why something is refused or withheld. */
export interface Reason {
  readonly id: ReasonId;
  /** One sentence naming the account and the fact. */
  readonly sentence: string;
  readonly fact?: DirectoryFact | undefined;
  /** Changes each of which lifts this reason, the least far-reaching first. Empty: none can. */
  readonly lifts: readonly Change[];
}

export function factOf(account: Account, attribute: string, value: string): DirectoryFact {
  return { object: account.dn, account: account.samAccountName, attribute, value };
}

/** Object and account name, the beginning of every change. */
export function objectOf(account: Account): { readonly object: string; readonly account: string } {
  return { object: account.dn, account: account.samAccountName };
}
