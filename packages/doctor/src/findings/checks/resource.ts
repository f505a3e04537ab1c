import {
  AccessMask,
  type Account,
  AceFlags,
  AceType,
  decodeSecurityDescriptor,
  expandGeneric,
  WellKnownRid,
  WellKnownSid,
} from "@waybill/directory";
import { factOf } from "@waybill/kdc";
import { PlanDraft } from "../../repair/plan-draft.ts";
import { advice, remedyOf } from "../../repair/remedy.ts";
import { type Examination, enumerate } from "../examination.ts";
import type { Finding } from "../finding.ts";

const attribute = "msDS-AllowedToActOnBehalfOfOtherIdentity";

/** Groups with more members than this are too many to act for anybody. */
const manyMembers = 50;

/** Descriptors of resource-based delegation: dead SIDs, too wide, without effect, or ignored by the KDC. */
export function checkResourceGrants(examination: Examination): Finding[] {
  const holders = examination.accounts.filter((account) => account.allowedToActOnBehalfOf !== undefined);
  return [
    ...holders.flatMap((account) => checkDescriptor(examination, account)),
    ...ignored(examination, holders),
  ];
}

function checkDescriptor(examination: Examination, account: Account): Finding[] {
  const { view } = examination;
  const name = account.samAccountName;
  const clear = new PlanDraft(view);
  clear.clearDescriptor(account);
  const ineffective = (why: string): Finding =>
    examination.finding("resource-grant-ineffective", {
      cause: `The ${attribute} of ${name} ${why}.`,
      evidence: [factOf(account, attribute, `${account.allowedToActOnBehalfOf?.length ?? 0} octets`)],
      effect: `Nobody can act for others towards ${name} by resource-based delegation, though it looks as if somebody could.`,
      remedies: [remedyOf(view, `Clear ${attribute} of ${name} and grant anew.`, clear.diffs(), false)],
    });
  let parsed: ReturnType<typeof decodeSecurityDescriptor>;
  try {
    parsed = decodeSecurityDescriptor(account.allowedToActOnBehalfOf ?? new Uint8Array(0));
  } catch {
    return [ineffective("is damaged: it cannot be read as a security descriptor")];
  }
  const aces = parsed.dacl?.aces ?? [];
  if (aces.length === 0) return [ineffective("has no entries")];
  const grants = aces.filter(
    ({ type, flags, mask, objectType }) =>
      type === AceType.accessAllowed &&
      (flags & AceFlags.inheritOnly) === 0 &&
      objectType === undefined &&
      (expandGeneric(mask) & AccessMask.controlAccess) !== 0,
  );
  const found: Finding[] = [];
  if (grants.length === 0) {
    const masks = [...new Set(aces.map(({ mask }) => `0x${mask.toString(16)}`))];
    found.push(
      ineffective(`grants rights that never match (${masks.join(", ")}): control access (0x100) is needed`),
    );
  }
  const dead = [...new Set(aces.map(({ sid }) => sid))].filter((sid) => isDead(examination, sid));
  if (dead.length > 0) {
    const draft = new PlanDraft(view);
    draft.revoke(account, dead);
    found.push(
      examination.finding("resource-grant-dead", {
        cause: `The ${attribute} of ${name} names ${enumerate(dead, 3)}, which no longer ${dead.length === 1 ? "exists" : "exist"}.`,
        evidence: dead.slice(0, 20).map((sid) => factOf(account, attribute, sid)),
        effect:
          "Hosts that were rebuilt under the same name have a new SID and are not meant by the old entry.",
        remedies: [
          remedyOf(
            view,
            `Take the dead ${dead.length === 1 ? "entry" : "entries"} out.`,
            draft.diffs(),
            true,
          ),
        ],
      }),
    );
  }
  const wide = grants.flatMap(({ sid }) => widthOf(examination, sid) ?? []);
  if (wide.length > 0) {
    const draft = new PlanDraft(view);
    draft.revoke(
      account,
      wide.map(({ sid }) => sid),
    );
    found.push(
      examination.finding("resource-grant-wide", {
        cause: `The ${attribute} of ${name} lets ${enumerate(wide.map(({ label }) => label))} act for others towards it.`,
        evidence: wide.map(({ sid }) => factOf(account, attribute, sid)),
        effect: `Whoever controls any of those accounts can be anybody who is not sensitive on ${name}, administrators included.`,
        remedies: [remedyOf(view, "Take the entry out and name hosts one by one.", draft.diffs(), false)],
      }),
    );
  }
  return found;
}

function ignored(examination: Examination, holders: readonly Account[]): Finding[] {
  if (examination.profile.resourceBasedDelegation || holders.length === 0) return [];
  return [
    examination.finding("resource-delegation-ignored", {
      cause: `${enumerate(holders.map(({ samAccountName }) => samAccountName))} use resource-based delegation (${attribute}), which this KDC (${examination.profile.name}) ignores.`,
      evidence: holders.slice(0, 20).map((account) => factOf(account, attribute, "(set)")),
      effect: "Those settings have no effect: the KDC answers KDC_ERR_BADOPTION.",
      remedies: [
        advice("Use classic delegation, or Samba 4.19 and later, whose KDC knows resource-based delegation."),
      ],
    }),
  ];
}

function isDead({ view }: Examination, sid: string): boolean {
  if (!sid.startsWith(`${view.domain.sid}-`)) return false;
  return view.bySid(sid) === undefined && view.groupBySid(sid) === undefined;
}

function widthOf({ view }: Examination, sid: string): { sid: string; label: string } | undefined {
  const everybody: Readonly<Record<string, string>> = {
    [WellKnownSid.everyone]: "Everyone",
    [WellKnownSid.authenticatedUsers]: "Authenticated Users",
    [WellKnownSid.anonymous]: "Anonymous",
    [WellKnownSid.users]: "Users",
    [WellKnownSid.network]: "Network",
    [`${view.domain.sid}-${WellKnownRid.domainUsers}`]: "Domain Users",
    [`${view.domain.sid}-${WellKnownRid.domainComputers}`]: "Domain Computers",
  };
  const label = everybody[sid];
  if (label !== undefined) return { sid, label };
  const group = view.groupBySid(sid);
  if (group === undefined) return undefined;
  let members = 0;
  for (const _ of view.membersOf(group)) if (++members > manyMembers) break;
  return members > manyMembers
    ? { sid, label: `${group.samAccountName} (more than ${manyMembers} accounts)` }
    : undefined;
}
