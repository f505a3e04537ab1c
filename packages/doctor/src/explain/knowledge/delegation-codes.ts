import type { ExplainEntry, ExplainedCause } from "../entry.ts";
import { errorPage } from "./row.ts";

const delegationCauses: readonly ExplainedCause[] = [
  {
    cause:
      'The source host\'s account is set to "Use Kerberos only" and the move was started remotely: since Windows ' +
      "Server 2016 the host then has no ticket of the person to show, and the one it makes itself is not forwardable.",
    checks: ["protocol-transition-off"],
  },
  {
    cause:
      "The source host's account has no delegation entry for the destination, one in one direction only, or one for " +
      "only some of the names and services.",
    checks: ["delegation-missing", "delegation-one-way", "delegation-incomplete", "entry-dangling"],
  },
  {
    cause: "The host migrates with CredSSP, and the person is not signed in on the source host itself.",
    checks: ["host-credssp"],
  },
  {
    cause:
      "Credential Guard is on (the default since Windows Server 2025) and the host migrates with CredSSP.",
    checks: ["host-credssp"],
  },
  {
    cause:
      "The settings are right, but the host still holds its old tickets, or remembers that it got none: up to 15 minutes.",
    checks: ["controllers-differ"],
  },
  {
    cause: "The person may not be delegated: marked sensitive, or a member of Protected Users.",
    checks: ["person-not-delegable"],
  },
  {
    cause: "krbtgt itself is marked sensitive, which stops every delegation in the domain.",
    checks: ["krbtgt-sensitive"],
  },
];

const delegationRemedy =
  "Run `waybill doctor`: it names the object and the attribute. For Windows hosts that is usually `Use any " +
  "authentication protocol` and entries for cifs and the migration service in both directions, with Kerberos chosen on both " +
  "hosts; then `klist purge -li 0x3e7` on the source host, or 15 minutes of patience.";

/** HRESULTs of a host that could not act for the person, or could not prove who it is. */
export const delegationCodes: readonly ExplainEntry[] = [
  {
    kind: "hresult",
    name: "SEC_E_NO_CREDENTIALS",
    value: 0x8009030e,
    meaning: "The source host found no credential with which to act for the person towards the destination.",
    causes: delegationCauses,
    remedy: delegationRemedy,
    docs: errorPage.seed,
    texts: [["no credentials are available in the security package"]],
    weight: 8,
  },
  {
    kind: "message",
    name: "No suitable credentials at the source host",
    meaning:
      "The source host could not act for the person; this sentence goes with 0x8009030E and 0x8009030D and says no more than they do.",
    causes: delegationCauses,
    remedy: delegationRemedy,
    docs: errorPage.seed,
    texts: [
      ["failed to authenticate the connection", "at the source host", "no suitable credentials available"],
      ["no suitable credentials available"],
    ],
    weight: 7,
  },
  {
    kind: "hresult",
    name: "SEC_E_UNKNOWN_CREDENTIALS",
    value: 0x8009030d,
    meaning: "The security package refused the credential that the source host gave it.",
    causes: [
      { cause: "Kerberos is not chosen for migrations on both hosts.", checks: ["host-credssp"] },
      {
        cause: "Delegation is missing or incomplete.",
        checks: ["delegation-missing", "delegation-incomplete"],
      },
      ...delegationCauses.slice(0, 1),
    ],
    remedy: delegationRemedy,
    docs: errorPage.authentication,
    texts: [["credentials supplied to the package were not recognized"]],
    weight: 7,
  },
  {
    kind: "winrm",
    name: "Second hop over WinRM",
    meaning:
      "A command inside a WinRM session needed the person's credentials, and a network logon brings none.",
    causes: [
      {
        cause:
          "The session was opened with Kerberos and the command reaches for a third machine: the double hop.",
        checks: ["delegation-missing"],
      },
      {
        cause: "The management server may not act for the person towards the host.",
        checks: ["delegation-missing", "resource-grant-defeated"],
      },
    ],
    remedy:
      "Delegate from the machine in the middle to the last one (`waybill delegation allow`), or run the command at the machine itself.",
    docs: errorPage.authentication,
    texts: [
      ["8009030e", "specified logon session does not exist"],
      ["specified logon session does not exist"],
    ],
    weight: 8,
  },
  {
    kind: "hresult",
    name: "SEC_E_WRONG_PRINCIPAL",
    value: 0x80090322,
    meaning: "The ticket was made for an account whose key the machine that answered does not hold.",
    causes: [
      {
        cause:
          "Another machine answered: hosts of two clusters use the same private network, or DNS is wrong.",
      },
      {
        cause: "The service name is registered twice or on the wrong account.",
        checks: ["service-name-duplicate", "service-name-misplaced"],
      },
      {
        cause: "The machine password in the domain and on the machine differ.",
        checks: ["machine-password-stale", "controllers-differ"],
      },
    ],
    remedy:
      "Check to which address the destination's name leads on the migration network, then the service names and the machine password.",
    docs: errorPage.authentication,
    texts: [["target principal name is incorrect"]],
    weight: 8,
  },
  {
    kind: "hresult",
    name: "E_ACCESSDENIED",
    value: 0x80070005,
    meaning: "The other side knows who asks and says no.",
    causes: [
      { cause: "The person is no Hyper-V administrator on both hosts." },
      { cause: "Share or NTFS permissions are missing for the hosts' computer accounts (HOST$)." },
      {
        cause: "Delegation to cifs on the storage or on the destination is missing.",
        checks: ["delegation-incomplete", "delegation-missing"],
      },
      {
        cause: "A management server is in between and the hosts are set to Use Kerberos only.",
        checks: ["protocol-transition-off", "resource-grant-defeated"],
      },
    ],
    remedy:
      "Make the person a member on both hosts, grant HOST$ the share and the folder, and delegate cifs as well as the migration service.",
    docs: errorPage.authentication,
    texts: [["general access denied error"]],
    weight: 5,
  },
  {
    kind: "hresult",
    name: "ERROR_LOGON_TYPE_NOT_GRANTED",
    value: 0x80070569,
    meaning:
      "The destination could not start the new machine's worker, because its account may not log on as a service.",
    causes: [
      {
        cause:
          "A group policy sets “Log on as a service” and leaves NT VIRTUAL MACHINE\\Virtual Machines out.",
      },
    ],
    remedy:
      "Put the hosts into an organizational unit without that policy, or add NT VIRTUAL MACHINE\\Virtual Machines to it; then `gpupdate /force`.",
    docs: errorPage.authentication,
    texts: [
      ["user has not been granted the requested logon type"],
      ["failed to create planned virtual machine at migration destination", "logon"],
    ],
    weight: 9,
  },
  {
    kind: "hresult",
    name: "ERROR_ACCOUNT_RESTRICTION",
    value: 0x8007052f,
    meaning: "The account may not sign in in this way.",
    causes: [
      { cause: "A group policy on logon rights leaves NT VIRTUAL MACHINE\\Virtual Machines out." },
      {
        cause: "The person is in Protected Users or marked sensitive.",
        checks: ["person-not-delegable"],
      },
    ],
    remedy:
      "Look at the logon rights that group policy sets on the destination, then at the person's account.",
    docs: errorPage.authentication,
    weight: 7,
  },
  {
    kind: "hresult",
    name: "ERROR_NONE_MAPPED",
    value: 0x80070534,
    meaning: "A name or SID belongs to no account.",
    causes: [
      {
        cause:
          "Azure Local 24H2 before 12.2605 looks up who created the virtual machine, and fails if the account is local or deleted.",
      },
      {
        cause: "A descriptor or group names an account that is gone.",
        checks: ["resource-grant-dead"],
      },
    ],
    remedy:
      "Install the update; until then, move by quick migration. Events 1106 and 21024 on the source host carry the details.",
    docs: errorPage.authentication,
    texts: [["no mapping between account names and security ids"]],
    weight: 9,
  },
  {
    kind: "hresult",
    name: "SEC_E_LOGON_DENIED",
    value: 0x8009030c,
    meaning: "Signing in failed: name, password or machine password are wrong.",
    causes: [
      {
        cause: "Wrong password, or an account that is disabled, expired or locked.",
        checks: ["person-cannot-sign-in"],
      },
      {
        cause: "The host's own account cannot sign in.",
        checks: ["host-cannot-sign-in", "machine-password-stale"],
      },
    ],
    remedy: "Check the account's state and password; of a host, `Test-ComputerSecureChannel`.",
    docs: errorPage.authentication,
    weight: 7,
  },
  {
    kind: "hresult",
    name: "SEC_E_NO_AUTHENTICATING_AUTHORITY",
    value: 0x80090311,
    meaning: "No domain controller could be asked.",
    causes: [
      {
        cause: "DNS, routing or a firewall between the host and its domain controllers.",
        checks: ["controller-unreachable"],
      },
      { cause: "The host's clock is more than five minutes off.", checks: ["controller-clock"] },
    ],
    remedy: "Check `nltest /dsgetdc:DOMAIN` on the host, port 88, and the clock.",
    docs: errorPage.authentication,
    weight: 7,
  },
];
