import {
  AccessMask,
  type Account,
  AceFlags,
  accessCheck,
  DirectoryReader,
  decodeSecurityDescriptor,
  fullControl,
  type SecurityDescriptor,
  WellKnownRid,
  WellKnownSid,
} from "@waybill/directory";
import { factOf } from "@waybill/kdc";
import { psQuote, shQuote } from "../../repair/commands.ts";
import { advice } from "../../repair/remedy.ts";
import { viewBefore } from "../../repair/view-after.ts";
import { type Examination, enumerate } from "../examination.ts";
import type { Finding } from "../finding.ts";

/** What delegation hangs on, and the schema's GUIDs that an entry may name it by: its own, and its property set's. */
const properties = [
  {
    attribute: "msDS-AllowedToActOnBehalfOfOtherIdentity",
    types: ["3f78c3e5-f79a-46bd-a0b8-9d18116ddc79", "4c164200-20c0-11d0-a768-00aa006e0529"],
  },
  {
    attribute: "msDS-AllowedToDelegateTo",
    types: ["800d94d7-b7a1-42a1-b14d-7cae1423d07f", "e48d0154-bcf8-11d1-8702-00c04fb96050"],
  },
  {
    attribute: "userAccountControl",
    types: ["bf967a68-0de6-11d0-a285-00aa003049e2", "4c164200-20c0-11d0-a768-00aa006e0529"],
  },
] as const;

/** One way to change who may act for whom. */
interface Right {
  readonly words: string;
  /** Enough to let an account of one's own in: no privilege is asked for. */
  readonly alone: boolean;
}

/** Who, besides administrators, can change the hosts' delegation settings; and whose settings that is not known of. */
export function checkRights(examination: Examination): Finding[] {
  const writers = new Map<string, { readonly host: Account; readonly right: Right }[]>();
  const unknown: { readonly host: Account; readonly why: string }[] = [];
  for (const host of examination.hosts) {
    const bytes = descriptorOf(examination, host);
    if (bytes === undefined) {
      if (examination.request.descriptors !== undefined) unknown.push({ host, why: "not readable" });
      continue;
    }
    let descriptor: SecurityDescriptor;
    try {
      descriptor = decodeSecurityDescriptor(bytes);
    } catch {
      unknown.push({ host, why: "damaged" });
      continue;
    }
    const expected = expectedWriters(examination, host);
    for (const [sid, right] of rightsIn(descriptor)) {
      if (!expected.has(sid)) writers.set(sid, [...(writers.get(sid) ?? []), { host, right }]);
    }
  }
  return [
    ...[...writers].map(([sid, held]) => writerFinding(examination, sid, held)),
    ...unknownFinding(examination, unknown),
  ];
}

function writerFinding(
  examination: Examination,
  sid: string,
  held: readonly { readonly host: Account; readonly right: Right }[],
): Finding {
  const { view } = examination;
  const name = view.bySid(sid)?.samAccountName ?? view.groupBySid(sid)?.samAccountName ?? sid;
  const hosts = enumerate(held.map(({ host }) => host.samAccountName));
  const alone = held.some(({ right }) => right.alone);
  const trustee = name === sid ? sid : `${view.domain.netbiosName}\\${name}`;
  return examination.finding("change-rights-wide", {
    cause: `${name} can change the delegation settings of ${hosts} (nTSecurityDescriptor: ${enumerate([...new Set(held.map(({ right }) => right.words))])}).`,
    evidence: held
      .slice(0, 20)
      .map(({ host, right }) => factOf(host, "nTSecurityDescriptor", `${sid}: ${right.words}`)),
    effect: alone
      ? `${name} can let an account of its own act for others towards ${held.length === 1 ? hosts : "any of them"} (resource-based delegation asks for no privilege), and so take it over. Changing classic delegation takes SeEnableDelegationPrivilege on top; who has that cannot be read over LDAP.`
      : `With SeEnableDelegationPrivilege on top, ${name} can let ${held.length === 1 ? hosts : "them"} act for others towards any service. Who has that privilege cannot be read over LDAP: it is in the user rights of the domain controllers.`,
    remedies: [
      advice("Take the right away where it is not meant; an owner is replaced by an administrator.", {
        powershell: [
          ...held.slice(0, 6).map(({ host }) => `dsacls ${psQuote(host.dn)} /R ${psQuote(trustee)}`),
          "secedit /export /areas USER_RIGHTS /cfg rights.inf; Select-String SeEnableDelegationPrivilege rights.inf",
        ],
        sambaTool: [
          ...held.slice(0, 6).map(({ host }) => `samba-tool dsacl get --objectdn=${shQuote(host.dn)}`),
          "net rpc rights list privileges SeEnableDelegationPrivilege",
        ],
      }),
    ],
  });
}

function unknownFinding(
  examination: Examination,
  unknown: readonly { readonly host: Account; readonly why: string }[],
): Finding[] {
  if (unknown.length === 0) return [];
  return [
    examination.finding("attributes-unreadable", {
      severity: "notice",
      cause: `nTSecurityDescriptor of ${enumerate(unknown.map(({ host }) => host.samAccountName))} could not be read.`,
      evidence: unknown.slice(0, 20).map(({ host, why }) => factOf(host, "nTSecurityDescriptor", `(${why})`)),
      effect:
        "Who can change the delegation settings of these hosts is not known; it was not assumed to be nobody.",
      remedies: [
        advice(
          "Ask a domain controller as somebody who may read permissions, or export the attribute too (ldapsearch -E '!1.2.840.113556.1.4.801=::MAMCAQc=').",
        ),
      ],
    }),
  ];
}

/** Read apart, or part of the export. */
function descriptorOf({ request, view }: Examination, host: Account): Uint8Array | undefined {
  const read = request.descriptors?.get(host.sid);
  if (read !== undefined) return read;
  const reader = viewBefore(view);
  if (!(reader instanceof DirectoryReader)) return undefined;
  const id = reader.store.find("objectsid", host.sid)[0];
  const [bytes] =
    (id === undefined ? undefined : reader.object(id)?.attributes.get("ntsecuritydescriptor")) ?? [];
  return bytes instanceof Uint8Array ? bytes : undefined;
}

/** The widest right of everybody who has one. Entries that deny count where they are about the same SID. */
function rightsIn(descriptor: SecurityDescriptor): Map<string, Right> {
  const { owner, dacl } = descriptor;
  const found = new Map<string, Right>();
  if (dacl === undefined) {
    found.set(WellKnownSid.everyone, { words: "full control: there is no list of permissions", alone: true });
    return found;
  }
  const listed = { ...descriptor, owner: undefined };
  const trustees = new Set(
    dacl.aces.filter(({ flags }) => (flags & AceFlags.inheritOnly) === 0).map(({ sid }) => sid),
  );
  for (const sid of trustees) {
    const has = (mask: number, types?: readonly string[]): boolean => accessCheck(listed, [sid], mask, types);
    const writable = properties.filter(({ types }) => has(AccessMask.writeProperty, types));
    if (has(fullControl)) found.set(sid, { words: "full control", alone: true });
    else if (has(AccessMask.writeDacl)) found.set(sid, { words: "may change the permissions", alone: true });
    else if (has(AccessMask.writeOwner)) found.set(sid, { words: "may become the owner", alone: true });
    else if (has(AccessMask.writeProperty))
      found.set(sid, { words: "may write all attributes", alone: true });
    else if (writable.length > 0) {
      const words = `may write ${enumerate(writable.map(({ attribute }) => attribute))}`;
      found.set(sid, {
        words,
        alone: writable.some(({ attribute }) => attribute === properties[0].attribute),
      });
    }
  }
  if (owner !== undefined && !found.has(owner))
    found.set(owner, { words: "owner, who may change the permissions", alone: true });
  return found;
}

function expectedWriters({ view: { domain } }: Examination, host: Account): ReadonlySet<string> {
  return new Set([
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
}
