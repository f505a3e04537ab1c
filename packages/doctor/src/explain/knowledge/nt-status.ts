import { NtStatus } from "@waybill/kerberos";
import type { FindingId } from "../../findings/catalogue.ts";
import type { ExplainEntry } from "../entry.ts";
import { errorPage } from "./row.ts";

type Row = readonly [meaning: string, cause: string, remedy: string, ...checks: FindingId[]];

const account = "State of the account.";

/** Every NTSTATUS that a KDC puts beside its code. The compiler sees to it that none is missing. */
const rows: Readonly<Record<keyof typeof NtStatus, Row>> = {
  STATUS_SUCCESS: ["No error.", "Nothing is wrong.", "Nothing to do."],
  STATUS_ACCESS_DENIED: ["Known, and not allowed.", "A right is missing.", "Have the right granted."],
  STATUS_NO_LOGON_SERVERS: [
    "No domain controller could be asked.",
    "DNS or the network.",
    "Check `nltest /dsgetdc:DOMAIN` and port 88.",
    "controller-unreachable",
  ],
  STATUS_NO_SUCH_USER: ["There is no such account.", "A misspelt name.", "Check name and domain."],
  STATUS_WRONG_PASSWORD: [
    "The password is wrong.",
    "Mistyped, or an old keytab.",
    "Type it again, or export a new keytab.",
  ],
  STATUS_PASSWORD_RESTRICTION: [
    "The new password breaks the domain's rules.",
    "Too short, too simple, too new, or used before.",
    "Choose another one.",
  ],
  STATUS_LOGON_FAILURE: ["Name or password is wrong.", "Mistyped, or an old keytab.", "Check both."],
  STATUS_ACCOUNT_RESTRICTION: [
    "A restriction of the account forbids it; with KDC_ERR_BADOPTION: this person or this pair may not be delegated.",
    "The person is sensitive or in Protected Users, or resource-based delegation got evidence that is not forwardable.",
    "Run `waybill doctor`.",
    "person-not-delegable",
    "protocol-transition-off",
    "resource-grant-defeated",
  ],
  STATUS_INVALID_LOGON_HOURS: [
    "The account may not sign in at this hour.",
    "Logon hours.",
    "Change the hours.",
    "person-cannot-sign-in",
  ],
  STATUS_INVALID_WORKSTATION: [
    "The account may not sign in from this machine.",
    "The list of workstations.",
    "Change the list.",
  ],
  STATUS_PASSWORD_EXPIRED: ["The password has expired.", account, "Change it.", "person-cannot-sign-in"],
  STATUS_ACCOUNT_DISABLED: [
    "The account is disabled.",
    account,
    "Enable it.",
    "person-cannot-sign-in",
    "host-cannot-sign-in",
  ],
  STATUS_NOT_SUPPORTED: [
    "This domain controller does not offer what was asked.",
    "Resource-based delegation needs Windows Server 2012 or later, or Samba 4.19 or later.",
    "Ask a newer domain controller.",
    "resource-delegation-ignored",
  ],
  STATUS_INSUFFICIENT_RESOURCES: [
    "The domain controller lacks memory or another resource.",
    "It is overloaded.",
    "Try again, or another one.",
  ],
  STATUS_TIME_DIFFERENCE_AT_DC: [
    "The clocks of client and domain controller differ too much.",
    "One of them is off.",
    "Set both from one source of time.",
    "controller-clock",
  ],
  STATUS_LOGON_TYPE_NOT_GRANTED: [
    "The account may not sign in in this way.",
    "User rights from group policy.",
    "Grant the right, or take the machine out of the policy.",
  ],
  STATUS_NO_TRUST_SAM_ACCOUNT: [
    "The domain has no account for this machine.",
    "It was removed or the machine was restored from a backup.",
    "Join the machine again.",
    "host-cannot-sign-in",
  ],
  STATUS_TRUST_FAILURE: [
    "The trust between machine or domain and domain is broken.",
    "Machine passwords differ.",
    "`Test-ComputerSecureChannel -Repair`.",
    "machine-password-stale",
  ],
  STATUS_ACCOUNT_EXPIRED: ["The account has expired.", account, "Extend it.", "person-cannot-sign-in"],
  STATUS_PASSWORD_MUST_CHANGE: [
    "The password must be changed before the first sign-in.",
    account,
    "Change it.",
    "person-cannot-sign-in",
  ],
  STATUS_NOT_FOUND: [
    "The target of the delegation was not found in the account's list.",
    "The entry is missing or spelt otherwise.",
    "Run `waybill doctor`.",
    "delegation-missing",
    "delegation-incomplete",
  ],
  STATUS_NO_MATCH: [
    "Nothing in the delegation settings fits the target.",
    "The entry is missing or spelt otherwise.",
    "Run `waybill doctor`.",
    "delegation-missing",
    "delegation-incomplete",
  ],
  STATUS_ACCOUNT_LOCKED_OUT: [
    "The account is locked.",
    "Too many wrong passwords.",
    "Unlock it, and look for the program that keeps an old password.",
    "person-cannot-sign-in",
  ],
  STATUS_SMARTCARD_LOGON_REQUIRED: [
    "The account may sign in with a smart card only.",
    "A flag on the account.",
    "Use the card, or clear the flag.",
  ],
  STATUS_NO_S4U_PROT_SUPPORT: [
    "The domain controller does not offer S4U.",
    "A very old domain controller.",
    "Ask another one.",
  ],
  STATUS_CROSSREALM_DELEGATION_FAILURE: [
    "Delegation across domains failed.",
    "Classic delegation ends at the domain's border.",
    "Use resource-based delegation on the target.",
  ],
  STATUS_AUTHENTICATION_FIREWALL_FAILED: [
    "Selective authentication of a trust stops the sign-in.",
    "The right Allowed to authenticate is missing on the target's account.",
    "Grant it.",
  ],
  STATUS_ENCRYPTION_FAILED: [
    "Encryption failed inside the domain controller.",
    "No key of a usable type.",
    "Give the account AES keys.",
    "encryption-legacy",
  ],
};

export const ntStatusCodes: readonly ExplainEntry[] = (Object.keys(rows) as (keyof typeof NtStatus)[]).map(
  (name) => {
    const [meaning, cause, remedy, ...checks] = rows[name];
    return {
      kind: "ntstatus",
      name,
      value: NtStatus[name],
      meaning,
      causes: [checks.length === 0 ? { cause } : { cause, checks }],
      remedy,
      docs: errorPage.kdc,
      weight: name === "STATUS_SUCCESS" ? 0 : 7,
    };
  },
);
