import type { EpochMs } from "@waybill/base";
import type { KeySet } from "./keys.ts";

export type AccountKind =
  | "user"
  | "computer"
  | "managed-service-account"
  | "group-managed-service-account"
  | "delegated-managed-service-account"
  | "trust";

/** A security principal that can authenticate: user, computer, managed service account, krbtgt. */
export interface Account {
  readonly kind: AccountKind;
  readonly dn: string;
  /** `S-1-5-21-…`. */
  readonly sid: string;
  /** objectGUID as `xxxxxxxx-xxxx-…`, when known. */
  readonly guid?: string | undefined;
  /** Computers' names end in `$`. */
  readonly samAccountName: string;
  readonly userPrincipalName?: string | undefined;
  readonly displayName?: string | undefined;
  readonly dnsHostName?: string | undefined;
  readonly servicePrincipalNames: readonly string[];
  /** Bits of `UserAccountControl`; a `lockout` bit here means nothing, see `lockoutTime`. */
  readonly userAccountControl: number;
  /** RID of the primary group, 513 for users, 515 for computers. */
  readonly primaryGroupId: number;
  /** The attribute as stored; `undefined` when absent or zero: the domain's default applies. */
  readonly supportedEncryptionTypes?: number | undefined;

  /** `undefined`: never. */
  readonly accountExpires?: EpochMs | undefined;
  /** `undefined`: 0, the password must be changed at next logon. */
  readonly passwordLastSet?: EpochMs | undefined;
  readonly badPasswordCount: number;
  readonly badPasswordTime?: EpochMs | undefined;
  /** When the account was locked; whether it still is depends on the domain, see `accountState`. */
  readonly lockoutTime?: EpochMs | undefined;
  /** One bit for each hour of the week from Sunday midnight UTC, the lowest bit first; `undefined`: always. */
  readonly logonHours?: Uint8Array | undefined;
  /** NetBIOS names of the only machines the account may sign in at; `undefined`: all. */
  readonly logonWorkstations?: readonly string[] | undefined;
  readonly lastLogon?: EpochMs | undefined;
  readonly logonCount: number;

  /** Classic constrained delegation, msDS-AllowedToDelegateTo: SPNs as written. */
  readonly allowedToDelegateTo: readonly string[];
  /** Resource-based delegation: msDS-AllowedToActOnBehalfOfOtherIdentity, a binary security descriptor. */
  readonly allowedToActOnBehalfOf?: Uint8Array | undefined;

  /** Keys by password generation, the current one first. Empty when the source gives no keys (LDAP, LDIF). */
  readonly keySets: readonly KeySet[];
  /** msDS-KeyVersionNumber. */
  readonly kvno: number;

  /** Attributes (lower case) that exist as far as known, but that the source did not let us read. */
  readonly unreadable: ReadonlySet<string>;
}

export type GroupScope = "global" | "universal" | "domain-local" | "builtin";

export interface Group {
  readonly dn: string;
  readonly sid: string;
  readonly samAccountName: string;
  readonly scope: GroupScope;
  /** Security groups count for access; distribution groups do not. */
  readonly security: boolean;
}
