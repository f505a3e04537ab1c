import { ErrorCode, type ErrorCodeName } from "@waybill/kerberos";
import type { FindingId } from "../../findings/catalogue.ts";
import type { ExplainEntry, ExplainedCause } from "../entry.ts";
import { errorPage } from "./row.ts";

type Cause = string | readonly [cause: string, ...checks: FindingId[]];
type Row = readonly [meaning: string, causes: readonly Cause[], remedy: string];

const skew = "Set the clocks of client, host and domain controllers to one source of time.";
const pkinit = "Check the certificates of client and KDC; Waybill itself logs in with passwords and keytabs.";
const report = "Update the older of the two programs; if both are current, report it with a trace.";
const again = "Log in again.";
const peer = "The two programs do not agree on the protocol.";
const smartcard = "Sign-in by certificate (PKINIT).";

/** Every registered KRB-ERROR code. The compiler sees to it that none is missing. */
const rows: Readonly<Record<ErrorCodeName, Row>> = {
  KDC_ERR_NONE: ["No error.", [], "Nothing to do."],
  KDC_ERR_NAME_EXP: [
    "The client's entry in the KDC has expired.",
    [["The account has an end date.", "person-cannot-sign-in", "host-cannot-sign-in"]],
    "Extend the account.",
  ],
  KDC_ERR_SERVICE_EXP: [
    "The service's entry in the KDC has expired.",
    [["The account has an end date.", "host-cannot-sign-in"]],
    "Extend the account.",
  ],
  KDC_ERR_BAD_PVNO: ["The protocol version is not 5.", [peer], report],
  KDC_ERR_C_OLD_MAST_KVNO: [
    "The client's key is encrypted under an old master key.",
    ["A KDC whose database was converted half."],
    "Repair the KDC's database.",
  ],
  KDC_ERR_S_OLD_MAST_KVNO: [
    "The service's key is encrypted under an old master key.",
    ["A KDC whose database was converted half."],
    "Repair the KDC's database.",
  ],
  KDC_ERR_C_PRINCIPAL_UNKNOWN: [
    "The KDC knows no account by the client's name.",
    [
      "A misspelt name or realm.",
      "A new account that has not reached this domain controller.",
      ["Two domain controllers differ.", "controllers-differ"],
    ],
    "Check name and realm; ask another domain controller.",
  ],
  KDC_ERR_S_PRINCIPAL_UNKNOWN: [
    "No account holds the service name that was asked for.",
    [
      ["The service name is registered nowhere.", "service-name-missing", "entry-dangling"],
      ["Several accounts hold it, which is the same to the KDC.", "service-name-duplicate"],
      "The host was named by an alias or an IP address.",
      ["Samba finds names with spaces only in escaped spelling.", "service-name-escaped"],
    ],
    "`setspn -Q NAME`: exactly one account must answer; use the host's own name.",
  ],
  KDC_ERR_PRINCIPAL_NOT_UNIQUE: [
    "Several accounts hold the name.",
    [["The service name is registered twice.", "service-name-duplicate"]],
    "Remove it from all accounts but one.",
  ],
  KDC_ERR_NULL_KEY: [
    "The account has no key.",
    [["It never got a password.", "encryption-legacy"]],
    "Set a password.",
  ],
  KDC_ERR_CANNOT_POSTDATE: [
    "The ticket was asked for a later start, which is not allowed.",
    ["A client's setting."],
    "Ask for a ticket that is valid now.",
  ],
  KDC_ERR_NEVER_VALID: [
    "The ticket would end before it begins.",
    [["The client's clock is off.", "controller-clock"]],
    skew,
  ],
  KDC_ERR_POLICY: [
    "The KDC's policy forbids it.",
    [
      "Sign-in hours, workstations, or an authentication policy.",
      "Acting for a user of another realm with a ticket of this one.",
      ["The person may not be delegated.", "person-not-delegable"],
    ],
    "Look at the account's restrictions; the NTSTATUS beside the code tells more.",
  ],
  KDC_ERR_BADOPTION: [
    "The KDC will not issue a ticket with what was asked for; in delegation: the service may not act for this person towards that target.",
    [
      [
        "The evidence is not forwardable: Use Kerberos only, and no ticket of the person at hand.",
        "protocol-transition-off",
      ],
      [
        "The target is not in the account's delegation list, nor does the target's own list name the account.",
        "delegation-missing",
        "delegation-incomplete",
      ],
      ["The person is sensitive or in Protected Users.", "person-not-delegable"],
      ["A classic list defeats resource-based delegation.", "resource-grant-defeated"],
      ["krbtgt is marked sensitive.", "krbtgt-sensitive"],
    ],
    "Run `waybill doctor`: this one code stands for a dozen mistakes, and the doctor tells which it is.",
  ],
  KDC_ERR_ETYPE_NOSUPP: [
    "Client, KDC and service have no encryption type in common.",
    [["The account has no AES key, or lists only RC4, which KDCs of 2026 refuse.", "encryption-legacy"]],
    "Set msDS-SupportedEncryptionTypes to AES and give the account a new password, so that AES keys exist.",
  ],
  KDC_ERR_SUMTYPE_NOSUPP: ["The KDC does not know the checksum type.", [peer], report],
  KDC_ERR_PADATA_TYPE_NOSUPP: [
    "The KDC does not take the way in which the client proves itself.",
    [smartcard, "The account must use a smart card."],
    pkinit,
  ],
  KDC_ERR_TRTYPE_NOSUPP: ["The KDC does not know the encoding of the path between realms.", [peer], report],
  KDC_ERR_CLIENT_REVOKED: [
    "The client's account is disabled, locked or expired.",
    [["State of the account.", "person-cannot-sign-in", "host-cannot-sign-in"]],
    "Enable or unlock the account; the NTSTATUS beside the code tells which it is.",
  ],
  KDC_ERR_SERVICE_REVOKED: [
    "The service's account is disabled.",
    [["State of the account.", "host-cannot-sign-in"]],
    "Enable the account.",
  ],
  KDC_ERR_TGT_REVOKED: [
    "The ticket-granting ticket is no longer accepted.",
    [
      "krbtgt's key was changed twice.",
      "The ticket has no PAC, or one that updated domain controllers refuse.",
      ["The service's account gets tickets without PAC.", "host-without-pac"],
    ],
    again,
  ],
  KDC_ERR_CLIENT_NOTYET: [
    "The client's account is not valid yet.",
    ["A start date."],
    "Wait, or change the date.",
  ],
  KDC_ERR_SERVICE_NOTYET: [
    "The service's account is not valid yet.",
    ["A start date."],
    "Wait, or change the date.",
  ],
  KDC_ERR_KEY_EXPIRED: [
    "The password has expired or must be changed.",
    [["State of the password.", "person-cannot-sign-in"]],
    "Change the password: `kpasswd`, or at a Windows sign-in.",
  ],
  KDC_ERR_PREAUTH_FAILED: [
    "The password or key is wrong.",
    [
      "A mistyped password.",
      "A keytab that is older than the account's password.",
      ["The machine password in the domain is another one.", "machine-password-stale", "controllers-differ"],
    ],
    "Type it again; for a keytab, export a new one and compare key version numbers.",
  ],
  KDC_ERR_PREAUTH_REQUIRED: [
    "The KDC first wants proof that the client knows the password.",
    ["The first half of every login; no error by itself."],
    "Nothing, unless it stays: then the client cannot give that proof.",
  ],
  KDC_ERR_SERVER_NOMATCH: [
    "The ticket shown as evidence is not for the service that shows it.",
    ["The service has several accounts, or the ticket was forwarded to another."],
    "Show a ticket for the very account that asks.",
  ],
  KDC_ERR_MUST_USE_USER2USER: [
    "The service takes user-to-user tickets only.",
    ["The name belongs to a person's account."],
    "Use the name of a service's or computer's account.",
  ],
  KDC_ERR_PATH_NOT_ACCEPTED: [
    "The way through other realms is not trusted.",
    ["A trust that does not allow it."],
    "Check the trusts between the realms.",
  ],
  KDC_ERR_SVC_UNAVAILABLE: [
    "The KDC cannot answer now.",
    [["The domain controller is starting, busy, or cut off.", "controller-unreachable"]],
    "Try again, or another domain controller.",
  ],
  KRB_AP_ERR_BAD_INTEGRITY: [
    "Something encrypted does not open with the key at hand.",
    [
      "The key in the keytab is older than the ticket's.",
      ["The service name is on another account.", "service-name-misplaced"],
      "The message was changed on the way.",
    ],
    "Compare key version numbers (`waybill keytab list`); export the key again.",
  ],
  KRB_AP_ERR_TKT_EXPIRED: [
    "The ticket has expired.",
    ["It is old.", ["Clocks differ.", "controller-clock"]],
    again,
  ],
  KRB_AP_ERR_TKT_NYV: [
    "The ticket is not valid yet.",
    [["The clock of one machine is behind.", "controller-clock"]],
    skew,
  ],
  KRB_AP_ERR_REPEAT: [
    "The same message came a second time.",
    ["A repeated packet, or an attack.", "Two programs share one replay cache."],
    "Try again; if it stays, look at load balancers in between.",
  ],
  KRB_AP_ERR_NOT_US: [
    "The ticket is for another service.",
    [["The name leads to another host, or is registered on another account.", "service-name-misplaced"]],
    "Check DNS and the service name.",
  ],
  KRB_AP_ERR_BADMATCH: [
    "Ticket and authenticator name different clients, or a service asked S4U2Self for another name than its own.",
    ["A mixed-up credential cache."],
    again,
  ],
  KRB_AP_ERR_SKEW: [
    "The clocks differ by more than five minutes.",
    [["Clock of the client, of the host or of a domain controller.", "controller-clock"]],
    skew,
  ],
  KRB_AP_ERR_BADADDR: [
    "The ticket is bound to another network address.",
    ["Address translation, or another network card."],
    "Ask for tickets without addresses (noaddresses = true).",
  ],
  KRB_AP_ERR_BADVERSION: ["The protocol version does not fit.", [peer], report],
  KRB_AP_ERR_MSG_TYPE: ["A message of another kind was expected.", [peer], report],
  KRB_AP_ERR_MODIFIED: [
    "The service cannot open the ticket: it was made for a key that the service does not have.",
    [
      [
        "The service name is on another account, or on two.",
        "service-name-misplaced",
        "service-name-duplicate",
      ],
      [
        "The machine password was changed, and one side has not heard of it.",
        "machine-password-stale",
        "controllers-differ",
      ],
      "DNS leads to another machine.",
    ],
    "`setspn -Q NAME`, then DNS, then the machine password; `klist purge` afterwards.",
  ],
  KRB_AP_ERR_BADORDER: [
    "Messages came out of order.",
    ["The network, or two writers on one connection."],
    "Open a new connection.",
  ],
  KRB_AP_ERR_BADKEYVER: [
    "The ticket is encrypted with a version of the key that the service does not have.",
    ["The keytab is older or newer than the ticket."],
    "Export the keytab again; drop old tickets with `kdestroy` or `klist purge`.",
  ],
  KRB_AP_ERR_NOKEY: [
    "The service has no key for that name.",
    ["The keytab lacks the name or the encryption type."],
    "Compare `waybill keytab list` with the name in the ticket.",
  ],
  KRB_AP_ERR_MUT_FAIL: [
    "The service did not prove who it is.",
    ["Another machine answered."],
    "Check DNS and who listens at that address.",
  ],
  KRB_AP_ERR_BADDIRECTION: [
    "A message came back to its sender.",
    ["A reflection, by accident or on purpose."],
    "Look at proxies in between.",
  ],
  KRB_AP_ERR_METHOD: ["Another way of authentication is wanted.", [peer], report],
  KRB_AP_ERR_BADSEQ: [
    "The sequence number is wrong.",
    ["A lost or repeated message."],
    "Open a new connection.",
  ],
  KRB_AP_ERR_INAPP_CKSUM: ["The checksum is of a kind that does not protect enough here.", [peer], report],
  KRB_AP_PATH_NOT_ACCEPTED: [
    "The service does not trust the way through other realms.",
    ["A trust that does not allow it."],
    "Check the trusts between the realms.",
  ],
  KRB_ERR_RESPONSE_TOO_BIG: [
    "The answer does not fit into a UDP packet; the client should ask over TCP.",
    ["A large ticket: many groups."],
    "Open TCP port 88; clients then do it by themselves.",
  ],
  KRB_ERR_GENERIC: [
    "The KDC gives no code of its own; its text tells.",
    ["Anything; of Windows also a failure inside the domain controller."],
    "Read the text, and the domain controller's log.",
  ],
  KRB_ERR_FIELD_TOOLONG: ["A field is longer than this implementation takes.", [peer], report],
  KDC_ERR_CLIENT_NOT_TRUSTED: ["The client's certificate is not trusted.", [smartcard], pkinit],
  KDC_ERR_KDC_NOT_TRUSTED: ["The KDC's certificate is not trusted.", [smartcard], pkinit],
  KDC_ERR_INVALID_SIG: ["A signature is not valid.", [smartcard], pkinit],
  KDC_ERR_DH_KEY_PARAMETERS_NOT_ACCEPTED: [
    "The key agreement's parameters are too weak or unknown.",
    [smartcard],
    pkinit,
  ],
  KDC_ERR_CERTIFICATE_MISMATCH: ["The certificate is not the account's.", [smartcard], pkinit],
  KRB_AP_ERR_NO_TGT: [
    "The service has no ticket-granting ticket to give for user-to-user.",
    ["The service is not logged in."],
    "Use an ordinary service ticket.",
  ],
  KDC_ERR_WRONG_REALM: [
    "Another realm is responsible.",
    ["A name of another domain."],
    "Give the full name with its realm; referrals must be on (canonicalize).",
  ],
  KRB_AP_ERR_USER_TO_USER_REQUIRED: [
    "The service takes user-to-user tickets only.",
    ["It has no key of its own."],
    "Use the name of a service's or computer's account.",
  ],
  KDC_ERR_CANT_VERIFY_CERTIFICATE: ["The certificate cannot be verified.", [smartcard], pkinit],
  KDC_ERR_INVALID_CERTIFICATE: ["The certificate is not valid.", [smartcard], pkinit],
  KDC_ERR_REVOKED_CERTIFICATE: ["The certificate is revoked.", [smartcard], pkinit],
  KDC_ERR_REVOCATION_STATUS_UNKNOWN: [
    "Whether the certificate is revoked is not known.",
    [smartcard],
    pkinit,
  ],
  KDC_ERR_REVOCATION_STATUS_UNAVAILABLE: [
    "The list of revoked certificates cannot be reached.",
    [smartcard],
    pkinit,
  ],
  KDC_ERR_CLIENT_NAME_MISMATCH: ["The certificate names another client.", [smartcard], pkinit],
  KDC_ERR_KDC_NAME_MISMATCH: ["The certificate names another KDC.", [smartcard], pkinit],
  KDC_ERR_PREAUTH_EXPIRED: [
    "The login took too long between two of its steps.",
    ["A slow client, or a clock that jumped."],
    again,
  ],
  KDC_ERR_MORE_PREAUTH_DATA_REQUIRED: [
    "The login goes on with another step.",
    ["Part of an ordinary exchange; no error by itself."],
    "Nothing, unless it stays: then the client cannot take that step.",
  ],
  KDC_ERR_PREAUTH_BAD_AUTHENTICATION_SET: [
    "The client chose a combination of proofs that the KDC did not offer.",
    [peer],
    report,
  ],
  KDC_ERR_UNKNOWN_CRITICAL_FAST_OPTIONS: [
    "The armored request insists on an option that the KDC does not know.",
    [peer],
    report,
  ],
  KDC_ERR_NO_ACCEPTABLE_KDF: ["No way to derive the key is known to both.", [smartcard], pkinit],
};

/** Codes that only open an exchange, or say nothing. */
const quiet: ReadonlySet<string> = new Set([
  "KDC_ERR_NONE",
  "KDC_ERR_PREAUTH_REQUIRED",
  "KDC_ERR_MORE_PREAUTH_DATA_REQUIRED",
  "KRB_ERR_RESPONSE_TOO_BIG",
  "KRB_ERR_GENERIC",
]);

/** How MIT's and Windows' tools put the commonest of them into words. */
const spoken: Readonly<Partial<Record<ErrorCodeName, readonly (readonly string[])[]>>> = {
  KDC_ERR_BADOPTION: [["kdc can't fulfill requested option"], ["kdc cannot accommodate requested option"]],
  KDC_ERR_S_PRINCIPAL_UNKNOWN: [
    ["server not found in kerberos database"],
    ["server", "not found in kerberos database"],
  ],
  KDC_ERR_C_PRINCIPAL_UNKNOWN: [["client", "not found in kerberos database"]],
  KDC_ERR_CLIENT_REVOKED: [["client's credentials have been revoked"]],
  KDC_ERR_KEY_EXPIRED: [["password has expired"]],
  KDC_ERR_PREAUTH_FAILED: [["preauthentication failed"], ["pre-authentication failed"]],
  KDC_ERR_ETYPE_NOSUPP: [
    ["kdc has no support for encryption type"],
    ["encryption type requested is not supported by the kdc"],
  ],
  KDC_ERR_POLICY: [["kdc policy rejects request"]],
  KDC_ERR_TGT_REVOKED: [["tgt has been revoked"]],
  KRB_AP_ERR_SKEW: [["clock skew too great"]],
  KRB_AP_ERR_TKT_EXPIRED: [["ticket expired"]],
  KRB_AP_ERR_TKT_NYV: [["ticket not yet valid"]],
  KRB_AP_ERR_REPEAT: [["request is a replay"]],
  KRB_AP_ERR_MODIFIED: [["krb_ap_err_modified"], ["message stream modified"]],
  KRB_AP_ERR_BAD_INTEGRITY: [["decrypt integrity check failed"]],
};

export const kerberosCodes: readonly ExplainEntry[] = (Object.keys(rows) as ErrorCodeName[]).map((name) => {
  const [meaning, causes, remedy] = rows[name];
  return {
    kind: "kerberos",
    name,
    value: ErrorCode[name],
    meaning,
    causes: causes.map(causeOf),
    remedy,
    docs: errorPage.kdc,
    ...(spoken[name] === undefined ? {} : { texts: spoken[name] }),
    weight: quiet.has(name) ? 1 : 6,
  };
});

function causeOf(cause: Cause): ExplainedCause {
  if (typeof cause === "string") return { cause };
  const [text, ...checks] = cause;
  return { cause: text, checks };
}
