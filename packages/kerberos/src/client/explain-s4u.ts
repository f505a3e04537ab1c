import type { Explanation, RankedCause } from "../errors.ts";
import type { KrbError } from "../messages/error.ts";
import { ErrorCode } from "../registry/error-code.ts";
import { NtStatus } from "../registry/nt-status.ts";
import { type Credential, isForwardable } from "./credential.ts";
import { causesByCode } from "./explain-ticket.ts";
import type { S4u2ProxyRequest } from "./s4u2proxy.ts";
import type { S4u2SelfRequest } from "./s4u2self.ts";
import { shown } from "./shown.ts";

type Explain = (error: KrbError, ntStatus: number | undefined) => Explanation | undefined;

/** Why a service was refused a ticket to itself in a user's name. */
export function explainS4u2Self({ tgt, user }: S4u2SelfRequest): Explain {
  return (error) => {
    const who = shown(user);
    const causes = s4u2selfCauses.get(error.errorCode)?.(who);
    if (causes === undefined) return undefined;
    return { known: [`${shown(tgt.client)} asked for a ticket to itself in the name of ${who}.`], causes };
  };
}

const s4u2selfCauses: ReadonlyMap<number, (user: string) => RankedCause[]> = new Map([
  [
    ErrorCode.KDC_ERR_C_PRINCIPAL_UNKNOWN,
    (user: string) => [{ cause: `There is no account ${user}.`, remedy: "Check the user's name and realm." }],
  ],
  [ErrorCode.KDC_ERR_POLICY, (user: string) => accountCauses(user)],
  [ErrorCode.KDC_ERR_CLIENT_REVOKED, (user: string) => accountCauses(user)],
  [
    ErrorCode.KDC_ERR_NAME_EXP,
    (user: string) => [
      { cause: `The account ${user} has expired.`, remedy: "Extend the account's expiry date." },
    ],
  ],
  [
    ErrorCode.KRB_AP_ERR_BADMATCH,
    () => [
      {
        cause: "The service asked for a ticket to another account than its own.",
        remedy: "Ask for one of the names of the account the ticket-granting ticket belongs to.",
      },
    ],
  ],
  [
    ErrorCode.KDC_ERR_BADOPTION,
    () => [
      {
        cause: "The KDC does not let this account act for users.",
        remedy: "Check that the account has a service principal name and that the KDC supports S4U2Self.",
      },
    ],
  ],
]);

function accountCauses(user: string): RankedCause[] {
  return [
    { cause: `The account ${user} is disabled.`, remedy: "Enable the account." },
    {
      cause: `The account ${user} is locked or may not log on now.`,
      remedy: "Unlock it; check its logon hours.",
    },
  ];
}

/** Why a service was refused a ticket to another service in a user's name: one code, ten causes. */
export function explainS4u2Proxy(request: S4u2ProxyRequest): Explain {
  return (error, ntStatus) => {
    const causes = s4u2proxyCauses(error.errorCode, request, ntStatus);
    return causes === undefined ? undefined : { known: knownFacts(request), causes };
  };
}

function knownFacts({ tgt, evidence, target }: S4u2ProxyRequest): string[] {
  const kind =
    evidence.origin === "S4U2Self"
      ? "a ticket the service got by S4U2Self, without the user"
      : "a service ticket the user brought";
  return [
    `${shown(tgt.client)} asked for a ticket to ${shown(target)} in the name of ${shown(evidence.client)}.`,
    `The evidence is ${kind}: ${shown(evidence.client)} to ${shown(evidence.server)}.`,
    `The evidence is ${isForwardable(evidence) ? "" : "not "}forwardable.`,
    `The ticket-granting ticket of ${shown(tgt.client)} is ${isForwardable(tgt) ? "" : "not "}forwardable.`,
  ];
}

function s4u2proxyCauses(
  code: number,
  request: S4u2ProxyRequest,
  ntStatus: number | undefined,
): readonly RankedCause[] | undefined {
  const { evidence, target } = request;
  if (code === ErrorCode.KDC_ERR_BADOPTION) {
    return isForwardable(evidence) ? notAllowed(request, ntStatus) : notForwardable(request);
  }
  if (code === ErrorCode.KRB_AP_ERR_BAD_INTEGRITY || code === ErrorCode.KRB_AP_ERR_MODIFIED)
    return badEvidence(request);
  if (code === ErrorCode.KDC_ERR_POLICY || code === ErrorCode.KDC_ERR_CLIENT_REVOKED) {
    const service = shown(request.tgt.client);
    return [
      ...accountCauses(shown(evidence.client)),
      { cause: `The account ${service} is disabled.`, remedy: `Enable ${service}.` },
    ];
  }
  if (code === ErrorCode.KDC_ERR_KEY_EXPIRED) {
    return [
      {
        cause: `${shown(evidence.client)} must change the password.`,
        remedy: "Have the user log in and change it.",
      },
    ];
  }
  return causesByCode.get(code)?.(shown(target));
}

/** The forwardable flag is missing: what takes it away, by how the evidence was made. */
function notForwardable({ tgt, evidence }: S4u2ProxyRequest): RankedCause[] {
  const service = shown(tgt.client);
  const user = shown(evidence.client);
  const sensitive: RankedCause = {
    cause: `${user} is marked "sensitive and cannot be delegated" or is in Protected Users.`,
    remedy: "Use another account for this work; taking the mark away weakens the account.",
  };
  const own: RankedCause = {
    cause: `${user} came with a ticket-granting ticket that was not forwardable.`,
    remedy: "Have the user log in with forwardable tickets (forwardable = true in krb5.conf).",
  };
  if (evidence.origin !== "S4U2Self") return [own, sensitive];
  const causes: RankedCause[] = [
    {
      cause: `${service} is trusted for delegation "using Kerberos only": S4U2Self then gives no forwardable ticket.`,
      remedy:
        `Choose "use any authentication protocol" for ${service} (TRUSTED_TO_AUTH_FOR_DELEGATION), ` +
        "or pass on the user's own service ticket as evidence.",
    },
    sensitive,
    {
      cause: `${service} is not trusted for delegation at all.`,
      remedy: `Add the target to msDS-AllowedToDelegateTo of ${service}.`,
    },
  ];
  if (!isForwardable(tgt)) causes.unshift(ownTgt(tgt));
  return causes;
}

function ownTgt(tgt: Credential): RankedCause {
  return {
    cause: `${shown(tgt.client)} logged in without asking for a forwardable ticket.`,
    remedy: "Log the service in with forwardable tickets.",
  };
}

/** The evidence is good; the delegation is not granted. Windows adds an NTSTATUS that orders the causes. */
function notAllowed(
  { tgt, target, evidence }: S4u2ProxyRequest,
  ntStatus: number | undefined,
): RankedCause[] {
  const service = shown(tgt.client);
  const name = target.components.join("/");
  const list: RankedCause = {
    cause: `msDS-AllowedToDelegateTo of ${service} does not hold "${name}".`,
    remedy: `Add "${name}" in exactly this spelling; another class or a short host name is another entry.`,
  };
  const resource: RankedCause = {
    cause: `The account of ${name} does not allow ${service} in msDS-AllowedToActOnBehalfOfOtherIdentity.`,
    remedy: `Allow ${service} on the account of ${name}, if resource-based delegation is meant.`,
  };
  const sensitive: RankedCause = {
    cause: `${shown(evidence.client)} became "sensitive and cannot be delegated" after the evidence was made.`,
    remedy: "Use another account for this work.",
  };
  if (ntStatus === NtStatus.STATUS_NOT_FOUND) return [resource, list];
  if (ntStatus === NtStatus.STATUS_ACCOUNT_RESTRICTION) return [sensitive, list, resource];
  const causes = [list, resource];
  if (!isForwardable(tgt)) causes.unshift(ownTgt(tgt));
  return causes;
}

function badEvidence({ tgt, evidence }: S4u2ProxyRequest): RankedCause[] {
  const service = shown(tgt.client);
  return [
    {
      cause: `The evidence is a ticket to ${shown(evidence.server)}, which is not a name of ${service}.`,
      remedy: "Use a ticket to the account that asks.",
    },
    {
      cause: "The evidence was made before the service's or the domain's key changed.",
      remedy: "Get new tickets on both sides.",
    },
    {
      cause: "The evidence was changed after the KDC made it.",
      remedy: "Find out who changed it: this is an attack.",
    },
  ];
}
