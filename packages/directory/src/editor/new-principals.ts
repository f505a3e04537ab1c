import type { GroupScope } from "../model/account.ts";
import type { UserAccountControlFlag } from "../model/user-account-control.ts";
import type { AttributeSettings } from "./object-editor.ts";

export interface NewUser {
  /** sAMAccountName, and the CN unless `cn` is given. */
  readonly name: string;
  readonly password?: string | undefined;
  readonly upn?: string | undefined;
  readonly cn?: string | undefined;
  /** DN of the container; CN=Users by default. */
  readonly container?: string | undefined;
  readonly flags?: readonly UserAccountControlFlag[] | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly sensitive?: boolean | undefined;
  /** Member of Protected Users. */
  readonly protected?: boolean | undefined;
  readonly disabled?: boolean | undefined;
  readonly mustChangePassword?: boolean | undefined;
  readonly accountExpires?: number | undefined;
  readonly spns?: readonly string[] | undefined;
  readonly attributes?: AttributeSettings | undefined;
  /** Also keep an rc4-hmac key. */
  readonly rc4?: boolean | undefined;
}

export interface NewComputer {
  /** With or without `$`. */
  readonly name: string;
  readonly dnsHostName?: string | undefined;
  /** Random keys when absent. */
  readonly password?: string | undefined;
  readonly container?: string | undefined;
  /** Registered instead of the usual ones. */
  readonly spns?: readonly string[] | undefined;
  /** Also register the live-migration service. */
  readonly migration?: boolean | undefined;
  readonly flags?: readonly UserAccountControlFlag[] | undefined;
  readonly attributes?: AttributeSettings | undefined;
  readonly rc4?: boolean | undefined;
}

export interface NewGroup {
  readonly name: string;
  readonly scope?: GroupScope | undefined;
  readonly container?: string | undefined;
  readonly attributes?: AttributeSettings | undefined;
}

export interface DelegationSettings {
  /** msDS-AllowedToDelegateTo, as a whole. */
  readonly to?: readonly string[] | undefined;
  /** "any" sets TRUSTED_TO_AUTH_FOR_DELEGATION, "kerberos" clears it. */
  readonly protocol?: "kerberos" | "any" | undefined;
  /** Resource-based: accounts (sAMAccountName or SID) that may delegate to this one; an empty list removes the attribute. */
  readonly from?: readonly string[] | undefined;
  readonly unconstrained?: boolean | undefined;
}
