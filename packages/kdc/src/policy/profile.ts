import { ErrorCode } from "@waybill/kerberos";

/**
 * How one make of KDC departs from another, wherever that changes an answer. The same functions decide in our own
 * KDC (`active-directory`) and predict what a foreign one will do.
 */
export interface KdcProfile {
  readonly name: string;
  /** Table A, row "no flag, empty list": AD issues a forwardable S4U2Self ticket. */
  readonly emptyListIsForwardable: boolean;
  /** Whether membership in Protected Users is looked at when S4U2Self tickets are issued. */
  readonly protectedUsersInS4u2self: boolean;
  /** Functional level from which Protected Users are protected. */
  readonly protectedUsersLevel: number;
  /** Whether "sensitive and cannot be delegated" on krbtgt ends all delegation. */
  readonly krbtgtFlagCounts: boolean;
  /** Whether msDS-AllowedToActOnBehalfOfOtherIdentity means anything. */
  readonly resourceBasedDelegation: boolean;
  /** S4U2Proxy looks at the ticket's flag before it looks at the list. */
  readonly forwardableBeforeList: boolean;
  /** The KDC's NonForwardableDelegation setting: resource-based delegation with S4U2Self tickets that are not forwardable. */
  readonly nonForwardableDelegation: boolean;
  /** Whether refusals in TGS exchanges carry an NTSTATUS. */
  readonly ntStatusInTgsErrors: boolean;
  /** Service names with spaces are looked up and compared in their backslash-escaped spelling only. */
  readonly escapedServiceNames: boolean;
  /** HOST names, and what they stand for, are found by the computer's own name, though nobody registered them. */
  readonly hostByComputerName: boolean;
  /** "Sensitive and cannot be delegated" on a service's account takes the forwardable flag from tickets to it. */
  readonly sensitiveServiceCounts: boolean;
  /** S4U2Proxy looks for the evidence's PAC after all else, and gives no ticket to services that get none with a PAC. */
  readonly pacAfterDelegation: boolean;
  /** S4U2Proxy refuses users whose password has expired or must be changed. */
  readonly passwordStateInS4u2proxy: boolean;
  /** Asking for a proxiable ticket is refused, not ignored, for those who may not have one. */
  readonly proxiableRefused: boolean;
  /** Error codes that differ. */
  readonly codes: {
    readonly forgedEvidence: number;
    readonly foreignEvidence: number;
    readonly evidenceWithoutPac: number;
    /** A disabled client in a TGS exchange. */
    readonly disabledInTgs: number;
    readonly expiredInTgs: number;
  };
  /** The KDC checks a TGS client's account only when the TGT is older than this, in milliseconds. */
  readonly revalidateAfter: number;
  /** RC4 service tickets for accounts that do not name their encryption types. */
  readonly rc4ByDefault: boolean;
}

/** Windows Server 2012 R2 and later with the updates of 2026: what `waybill dc` does. */
export const activeDirectory: KdcProfile = {
  name: "active-directory",
  emptyListIsForwardable: true,
  protectedUsersInS4u2self: true,
  protectedUsersLevel: 6,
  krbtgtFlagCounts: true,
  resourceBasedDelegation: true,
  forwardableBeforeList: false,
  nonForwardableDelegation: false,
  ntStatusInTgsErrors: true,
  escapedServiceNames: false,
  hostByComputerName: false,
  sensitiveServiceCounts: false,
  pacAfterDelegation: false,
  passwordStateInS4u2proxy: false,
  proxiableRefused: false,
  codes: {
    forgedEvidence: ErrorCode.KRB_AP_ERR_MODIFIED,
    foreignEvidence: ErrorCode.KRB_AP_ERR_MODIFIED,
    evidenceWithoutPac: ErrorCode.KRB_AP_ERR_MODIFIED,
    disabledInTgs: ErrorCode.KDC_ERR_CLIENT_REVOKED,
    expiredInTgs: ErrorCode.KDC_ERR_CLIENT_REVOKED,
  },
  revalidateAfter: 20 * 60_000,
  rc4ByDefault: false,
};

/** Samba 4.17 with its embedded Heimdal KDC, as measured on Debian 12. */
export const samba417: KdcProfile = {
  name: "samba-4.17",
  emptyListIsForwardable: false,
  protectedUsersInS4u2self: false,
  protectedUsersLevel: 0,
  krbtgtFlagCounts: false,
  resourceBasedDelegation: false,
  forwardableBeforeList: true,
  nonForwardableDelegation: false,
  ntStatusInTgsErrors: false,
  escapedServiceNames: true,
  hostByComputerName: true,
  sensitiveServiceCounts: true,
  pacAfterDelegation: true,
  passwordStateInS4u2proxy: true,
  proxiableRefused: true,
  codes: {
    forgedEvidence: ErrorCode.KRB_AP_ERR_BAD_INTEGRITY,
    foreignEvidence: ErrorCode.KRB_AP_ERR_BAD_INTEGRITY,
    evidenceWithoutPac: ErrorCode.KDC_ERR_TGT_REVOKED,
    disabledInTgs: ErrorCode.KDC_ERR_POLICY,
    expiredInTgs: ErrorCode.KDC_ERR_NAME_EXP,
  },
  revalidateAfter: 0,
  rc4ByDefault: true,
};

export const kdcProfiles = { "active-directory": activeDirectory, "samba-4.17": samba417 } as const;

export type KdcProfileName = keyof typeof kdcProfiles;
