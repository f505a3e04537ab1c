import {
  AccessMask,
  type Account,
  AceType,
  DirectoryReader,
  decodeSecurityDescriptor,
  expandGeneric,
  WellKnownRid,
  WellKnownSid,
} from "@waybill/directory";
import { factOf } from "@waybill/kdc";
import { advice } from "../../repair/remedy.ts";
import { type Examination, enumerate } from "../examination.ts";
import type { Evidence, Finding } from "../finding.ts";

/** What the source of the directory hid or garbled. */
export function checkSource(examination: Examination): Finding[] {
  const { hosts, people, request, view } = examination;
  const hidden = [...hosts, ...people, view.krbtgt].filter(({ unreadable }) => unreadable.size > 0);
  const found: Finding[] = [];
  if (hidden.length > 0) {
    const attributes = [...new Set(hidden.flatMap(({ unreadable }) => [...unreadable]))].sort();
    found.push(
      examination.finding("attributes-unreadable", {
        cause: `${enumerate(attributes, 9)} of ${enumerate(hidden.map(({ samAccountName }) => samAccountName))} could not be read.`,
        evidence: hidden
          .slice(0, 20)
          .map((account) => factOf(account, [...account.unreadable].sort().join(", "), "(unreadable)")),
        effect:
          "Predictions about them are uncertain: what could not be read was not assumed to be empty, and may decide otherwise.",
        remedies: [
          advice("Read the directory as somebody who may see these attributes, or export them too."),
        ],
      }),
    );
  }
  const problems = request.problems ?? [];
  if (problems.length > 0) {
    const evidence: Evidence[] = problems
      .slice(0, 20)
      .map(({ where, text }) => ({ object: where, account: "", attribute: "", value: text }));
    found.push(
      examination.finding("source-damaged", {
        cause: `${problems.length} ${problems.length === 1 ? "part" : "parts"} of the source could not be read as meant; the first: ${problems[0]?.where ?? ""}: ${problems[0]?.text ?? ""}.`,
        evidence,
        effect: "What is missing from the source is missing from these findings.",
        remedies: [advice("Export again, and check that the file arrived whole.")],
      }),
    );
  }
  return found;
}

/** What somebody who takes over a host could do, in numbers. */
export function checkReach(examination: Examination): Finding[] {
  const { view, hosts, exposure: summary } = examination;
  const isHost = new Set(hosts.map(({ sid }) => sid));
  const reaching = summary.exposures.filter(({ sid, people }) => people !== undefined && isHost.has(sid));
  if (reaching.length === 0) return [];
  const byAccount = new Map(reaching.map((one) => [one.account, one]));
  return [
    examination.finding("impersonation-reach", {
      cause:
        `${byAccount.size} of ${hosts.length} hosts (${enumerate([...byAccount.keys()])}) can act for ${summary.delegable} ` +
        `of ${summary.people} people who are not there (any protocol, or resource-based delegation).`,
      evidence: reaching.slice(0, 20).map(({ account, sid, towards, kind }) => ({
        object: view.bySid(sid)?.dn ?? sid,
        account,
        attribute:
          kind === "resource-based" ? "msDS-AllowedToActOnBehalfOfOtherIdentity" : "msDS-AllowedToDelegateTo",
        value: `${kind}: towards ${enumerate(towards ?? ["everything"])}`,
      })),
      effect:
        "Whoever takes over one of them is any of those people on every service of the accounts it may delegate to: the service name in a ticket is not protected, so one entry opens the whole account.",
      remedies: [
        advice('Mark those who administer more than hosts as "sensitive and cannot be delegated".'),
        advice(
          "Use Waybill hosts, which work with the person's own ticket: with Kerberos only, no host can act for somebody who is not there.",
        ),
      ],
    }),
  ];
}

const attributeGuids: ReadonlySet<string> = new Set([
  "800d94d7-b7a1-42a1-b14d-7cae1423d07f",
  "3f78c3e5-f79a-46bd-a0b8-9d18116ddc79",
  "bf967a68-0de6-11d0-a285-00aa003049e2",
  "4c164200-20c0-11d0-a768-00aa006e0529",
]);

/** Who, besides administrators, can change the hosts' delegation settings. */
export function checkRights(examination: Examination): Finding[] {
  const { hosts } = examination;
  return hosts.flatMap((host) => {
    const who = writersOf(examination, host);
    if (who.length === 0) return [];
    return [
      examination.finding("change-rights-wide", {
        cause: `${enumerate(who.map(({ name }) => name))} can change the delegation settings of ${host.samAccountName} (nTSecurityDescriptor).`,
        evidence: who
          .slice(0, 20)
          .map(({ sid, right }) => factOf(host, "nTSecurityDescriptor", `${sid}: ${right}`)),
        effect: `Any of them can let an account of their own act for others towards ${host.samAccountName}, and so take it over.`,
        remedies: [advice("Take the right away where it is not meant.")],
      }),
    ];
  });
}

function writersOf({ view }: Examination, host: Account): { sid: string; name: string; right: string }[] {
  if (!(view instanceof DirectoryReader)) return [];
  const id = view.idOfAccount(host);
  const [bytes] =
    (id === undefined ? undefined : view.object(id)?.attributes.get("ntsecuritydescriptor")) ?? [];
  if (!(bytes instanceof Uint8Array)) return [];
  const { domain } = view;
  const expected: ReadonlySet<string> = new Set([
    WellKnownSid.administrators,
    WellKnownSid.system,
    WellKnownSid.accountOperators,
    WellKnownSid.self,
    WellKnownSid.creatorOwner,
    WellKnownSid.enterpriseDomainControllers,
    host.sid,
    ...[
      WellKnownRid.domainAdmins,
      WellKnownRid.enterpriseAdmins,
      WellKnownRid.keyAdmins,
      WellKnownRid.enterpriseKeyAdmins,
    ].map((rid) => `${domain.sid}-${rid}`),
  ]);
  const found = new Map<string, { sid: string; name: string; right: string }>();
  const note = (sid: string, right: string): void => {
    if (expected.has(sid) || found.has(sid)) return;
    const name = view.bySid(sid)?.samAccountName ?? view.groupBySid(sid)?.samAccountName ?? sid;
    found.set(sid, { sid, name, right });
  };
  try {
    const { owner, dacl } = decodeSecurityDescriptor(bytes);
    if (owner !== undefined) note(owner, "owner");
    for (const { type, mask, sid, objectType } of dacl?.aces ?? []) {
      if (type !== AceType.accessAllowed && type !== AceType.accessAllowedObject) continue;
      const rights = expandGeneric(mask);
      if ((rights & (AccessMask.writeDacl | AccessMask.writeOwner)) !== 0)
        note(sid, "may change the permissions");
      const aboutDelegation = objectType === undefined || attributeGuids.has(objectType);
      if ((rights & AccessMask.writeProperty) !== 0 && aboutDelegation) note(sid, "may write the attributes");
    }
  } catch {
    return [];
  }
  return [...found.values()];
}
