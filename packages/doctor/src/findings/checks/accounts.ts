import { type Account, accountState, FunctionalLevel, hasFlag } from "@waybill/directory";
import { effectiveEncTypes, factOf, protectedReason, sensitiveReason } from "@waybill/kdc";
import { SupportedEncTypes } from "@waybill/kerberos";
import { isController } from "../../repair/exposure.ts";
import { PlanDraft } from "../../repair/plan-draft.ts";
import { advice, remedyOf, remedyOfChange } from "../../repair/remedy.ts";
import type { Examination } from "../examination.ts";
import type { Finding } from "../finding.ts";

const day = 86_400_000;
/** Machines change their password every 30 days; three times that means something is wrong. */
const stalePassword = 90 * day;

/** Hosts that cannot sign in, or whose tickets cannot be used. */
export function checkHosts(examination: Examination): Finding[] {
  return examination.hosts.flatMap((host) => [
    ...signIn(examination, host),
    ...unusableTickets(examination, host),
    ...encryption(examination, host),
    ...password(examination, host),
  ]);
}

function signIn(examination: Examination, host: Account): Finding[] {
  const { view, context } = examination;
  const state = accountState(host, view.domain, context.now);
  const name = host.samAccountName;
  if (!state.disabled && !state.expired) return [];
  const draft = new PlanDraft(view);
  draft.setFlag(host, "accountDisable", false);
  const when = new Date(host.accountExpires ?? 0).toISOString();
  return [
    examination.finding("host-cannot-sign-in", {
      cause: state.disabled
        ? `${name} is disabled (userAccountControl has ACCOUNTDISABLE).`
        : `${name} expired on ${when} (accountExpires).`,
      evidence: [
        state.disabled
          ? factOf(host, "userAccountControl", "ACCOUNTDISABLE")
          : factOf(host, "accountExpires", when),
      ],
      effect: `Nothing can be moved away from ${name}: it gets no ticket of its own. If the host is gone, remove its account and all entries that name it.`,
      remedies: state.disabled
        ? [remedyOf(view, `Enable ${name}.`, draft.diffs(), false)]
        : [
            advice(`Let ${name} not expire.`, {
              powershell: [`Clear-ADAccountExpiration -Identity '${name}'`],
            }),
          ],
    }),
  ];
}

function unusableTickets(examination: Examination, host: Account): Finding[] {
  const { view } = examination;
  const name = host.samAccountName;
  const found: Finding[] = [];
  if (hasFlag(host.userAccountControl, "notDelegated")) {
    const draft = new PlanDraft(view);
    draft.setFlag(host, "notDelegated", false);
    found.push(
      examination.finding("host-sensitive", {
        cause: `${name} is marked "sensitive and cannot be delegated" (userAccountControl has NOT_DELEGATED), so its own ticket-granting ticket is not forwardable and neither are its S4U2Self tickets.`,
        evidence: [factOf(host, "userAccountControl", "NOT_DELEGATED")],
        effect: `Nothing can be moved away from ${name} when started remotely by way of S4U2Self.`,
        remedies: [
          remedyOf(
            view,
            `Clear NOT_DELEGATED on ${name}; it protects people, not hosts.`,
            draft.diffs(),
            true,
          ),
        ],
      }),
    );
  }
  if (hasFlag(host.userAccountControl, "noAuthDataRequired")) {
    const draft = new PlanDraft(view);
    draft.setFlag(host, "noAuthDataRequired", false);
    found.push(
      examination.finding("host-without-pac", {
        cause: `Tickets to ${name} carry no PAC (userAccountControl has NO_AUTH_DATA_REQUIRED), and without PAC no ticket is evidence.`,
        evidence: [factOf(host, "userAccountControl", "NO_AUTH_DATA_REQUIRED")],
        effect: `Nothing can be moved away from ${name} on the strength of the person's own ticket, and ${name} cannot tell the groups of whoever comes.`,
        remedies: [remedyOf(view, `Clear NO_AUTH_DATA_REQUIRED on ${name}.`, draft.diffs(), true)],
      }),
    );
  }
  return found;
}

function encryption(examination: Examination, host: Account): Finding[] {
  const { view, profile } = examination;
  const bits = effectiveEncTypes(host, view.domain, profile);
  const aes = SupportedEncTypes.aes128CtsHmacSha1 | SupportedEncTypes.aes256CtsHmacSha1 | 0xc0;
  const attribute = "msDS-SupportedEncryptionTypes";
  const own = host.supportedEncryptionTypes;
  const des = hasFlag(host.userAccountControl, "useDesKeyOnly");
  if ((bits & aes) !== 0 && !des) return [];
  // Where the KDC's default is RC4, hosts that say nothing are as the KDC wants them; they get a warning.
  const draft = new PlanDraft(view);
  draft.setEncryption(host, SupportedEncTypes.aes128CtsHmacSha1 | SupportedEncTypes.aes256CtsHmacSha1);
  if (des) draft.setFlag(host, "useDesKeyOnly", false);
  const name = host.samAccountName;
  return [
    examination.finding("encryption-legacy", {
      severity: own === undefined && !des ? "warning" : "error",
      cause: des
        ? `${name} uses DES only (userAccountControl has USE_DES_KEY_ONLY).`
        : own === undefined
          ? `${name} has no ${attribute}, and this KDC (${profile.name}) then makes its tickets with RC4.`
          : `${name} allows no AES (${attribute} is ${own}, 0x${own.toString(16)}).`,
      evidence: [
        des
          ? factOf(host, "userAccountControl", "USE_DES_KEY_ONLY")
          : factOf(host, attribute, own === undefined ? "(absent)" : String(own)),
      ],
      effect: `${host.kind === "user" ? `${name} gets no ticket where only AES is accepted` : `Clients and hosts that accept AES only get no ticket to ${name}`}; domain controllers updated in July 2026 and later issue RC4 tickets only to accounts that name it.`,
      remedies: [
        remedyOf(
          view,
          `Allow AES on ${name}; its password must have been set since AES exists.`,
          draft.diffs(),
          false,
        ),
      ],
    }),
  ];
}

function password(examination: Examination, host: Account): Finding[] {
  const { context } = examination;
  const { passwordLastSet, samAccountName: name } = host;
  if (passwordLastSet === undefined || hasFlag(host.userAccountControl, "accountDisable")) return [];
  const age = context.now - passwordLastSet;
  if (age < stalePassword) return [];
  const days = Math.floor(age / day);
  return [
    examination.finding("machine-password-stale", {
      cause: `The password of ${name} was last set ${days} days ago (pwdLastSet); machines change it every 30 days.`,
      evidence: [factOf(host, "pwdLastSet", new Date(passwordLastSet).toISOString())],
      effect:
        "The host may be off, cloned, restored from an old copy, or without contact to a domain controller; its key may not match (0x80090322, KRB_AP_ERR_MODIFIED).",
      remedies: [
        advice(`Test the secure channel of ${name} on the host, and repair it.`, {
          powershell: ["Test-ComputerSecureChannel -Repair -Verbose"],
          sambaTool: ["adcli testjoin", "adcli update"],
        }),
      ],
    }),
  ];
}

/** Of people only what is said of them counts: service tickets are made for hosts, so no default is at work. */
function personalEncryption(examination: Examination, person: Account): Finding[] {
  const says = (person.supportedEncryptionTypes ?? 0) !== 0;
  return says || hasFlag(person.userAccountControl, "useDesKeyOnly") ? encryption(examination, person) : [];
}

/** People who operate hosts but cannot be acted for, or cannot sign in. */
export function checkPeople(examination: Examination): Finding[] {
  const { view, context, profile } = examination;
  return examination.people.flatMap((person) => {
    const subject = context.subject(person);
    const name = person.samAccountName;
    const found: Finding[] = personalEncryption(examination, person);
    for (const reason of [sensitiveReason(subject), protectedReason(subject, view.domain, profile)]) {
      if (reason === undefined) continue;
      const clause = reason.sentence.replace(/\.$/, "");
      found.push(
        examination.finding("person-not-delegable", {
          cause: `${clause} (${reason.fact?.attribute ?? ""} has ${reason.fact?.value ?? ""}).`,
          evidence: reason.fact === undefined ? [] : [reason.fact],
          effect: `${name} can move nothing remotely, from any host to any other, whatever the hosts' delegation settings are. That is what the protection is for.`,
          remedies: [
            advice(
              `Let ${name} start migrations while signed in on the source host, or use a separate account that operates hosts and nothing else.`,
            ),
            ...reason.lifts.map((change) => remedyOfChange(view, change)),
          ],
        }),
      );
    }
    const state = accountState(person, view.domain, context.now);
    const why = state.expired
      ? ["has expired", "accountExpires"]
      : state.locked
        ? ["is locked out", "lockoutTime"]
        : state.mustChangePassword
          ? ["must change the password before signing in", "pwdLastSet"]
          : state.passwordExpired
            ? ["has a password that has expired", "pwdLastSet"]
            : undefined;
    if (why !== undefined) {
      const [text = "", attribute = ""] = why;
      found.push(
        examination.finding("person-cannot-sign-in", {
          cause: `${name} ${text} (${attribute}).`,
          evidence: [factOf(person, attribute, text)],
          effect: `${name} gets no ticket and can move nothing.`,
          remedies: [],
        }),
      );
    }
    return found;
  });
}

/** What holds for the domain as a whole. */
export function checkDomain(examination: Examination): Finding[] {
  const { view, accounts } = examination;
  const { krbtgt, domain } = view;
  const found: Finding[] = personalEncryption(examination, krbtgt);
  if (hasFlag(krbtgt.userAccountControl, "notDelegated")) {
    const draft = new PlanDraft(view);
    draft.setFlag(krbtgt, "notDelegated", false);
    found.push(
      examination.finding("krbtgt-sensitive", {
        cause:
          'krbtgt is marked "sensitive and cannot be delegated" (userAccountControl has NOT_DELEGATED), so no ticket in the domain is forwardable.',
        evidence: [factOf(krbtgt, "userAccountControl", "NOT_DELEGATED")],
        effect:
          "All delegation in the domain fails with the same 0x8009030E: live migration, web front ends, App Proxy.",
        remedies: [
          remedyOf(
            view,
            "Clear NOT_DELEGATED on krbtgt; people sign in again afterwards.",
            draft.diffs(),
            true,
          ),
        ],
      }),
    );
  }
  if (
    domain.functionalLevel < FunctionalLevel.windows2012R2 &&
    examination.profile.name === "active-directory"
  ) {
    found.push(
      examination.finding("functional-level-old", {
        cause: `The functional level of ${domain.dnsName} is ${domain.functionalLevel} (msDS-Behavior-Version); Protected Users are protected from 6 (Windows Server 2012 R2) on.`,
        evidence: [
          {
            object: domain.dn,
            account: domain.netbiosName,
            attribute: "msDS-Behavior-Version",
            value: String(domain.functionalLevel),
          },
        ],
        effect:
          "Membership in Protected Users does not stop delegation, and resource-based delegation needs controllers of 2012 and later.",
        remedies: [
          advice("Raise the domain functional level.", {
            powershell: [`Set-ADDomainMode -Identity '${domain.dnsName}' -DomainMode Windows2016Domain`],
          }),
        ],
      }),
    );
  }
  for (const account of accounts) {
    if (!hasFlag(account.userAccountControl, "trustedForDelegation") || isController(view, account)) continue;
    const draft = new PlanDraft(view);
    draft.setFlag(account, "trustedForDelegation", false);
    found.push(
      examination.finding("unconstrained-delegation", {
        cause: `${account.samAccountName} has unconstrained delegation (userAccountControl has TRUSTED_FOR_DELEGATION).`,
        evidence: [factOf(account, "userAccountControl", "TRUSTED_FOR_DELEGATION")],
        effect: `Whoever takes over ${account.samAccountName} holds the ticket-granting tickets of everyone who connects to it, and is them everywhere. Credential Guard blocks it.`,
        remedies: [
          remedyOf(
            view,
            `Clear TRUSTED_FOR_DELEGATION on ${account.samAccountName}, after giving it the entries it needs.`,
            draft.diffs(),
            false,
          ),
        ],
      }),
    );
  }
  return found;
}
