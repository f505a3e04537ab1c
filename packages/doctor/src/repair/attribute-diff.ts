import {
  type Account,
  decodeSecurityDescriptor,
  UserAccountControl,
  type UserAccountControlFlag,
  userAccountControlLabels,
} from "@waybill/directory";

/** Text, or octets of a security descriptor. */
export type DiffValue = string | Uint8Array;

/** One attribute of one object, before and after: the unit a plan is made of. */
export interface AttributeDiff {
  readonly dn: string;
  /** sAMAccountName. */
  readonly account: string;
  readonly sid: string;
  readonly attribute: string;
  /** Values as read; empty when absent. */
  readonly before: readonly DiffValue[];
  readonly after: readonly DiffValue[];
  /** The difference in words, one line per value: `+ cifs/kvm02.lab.test`. */
  readonly lines: readonly string[];
  /** What becomes possible, one sentence each; empty when the change only closes something. */
  readonly opens: readonly string[];
}

/** Attributes a plan can change, by their names in AD. */
export const delegationAttributes = {
  flags: "userAccountControl",
  list: "msDS-AllowedToDelegateTo",
  resource: "msDS-AllowedToActOnBehalfOfOtherIdentity",
  names: "servicePrincipalName",
  encryption: "msDS-SupportedEncryptionTypes",
} as const;

const byBit: readonly (readonly [UserAccountControlFlag, number])[] = Object.entries(UserAccountControl) as [
  UserAccountControlFlag,
  number,
][];

/** A change of a text attribute. */
export function textDiff(
  account: Account,
  attribute: string,
  before: readonly string[],
  after: readonly string[],
  opens: readonly string[] = [],
): AttributeDiff {
  const had = new Set(before.map((value) => value.toLowerCase()));
  const has = new Set(after.map((value) => value.toLowerCase()));
  const lines = [
    ...before.filter((value) => !has.has(value.toLowerCase())).map((value) => `- ${value}`),
    ...after.filter((value) => !had.has(value.toLowerCase())).map((value) => `+ ${value}`),
  ];
  return { ...head(account), attribute, before, after, lines, opens };
}

/** A change of bits of userAccountControl. */
export function flagsDiff(account: Account, after: number, opens: readonly string[] = []): AttributeDiff {
  const before = account.userAccountControl;
  const changed = byBit.filter(([, bit]) => ((before ^ after) & bit) !== 0);
  return {
    ...head(account),
    attribute: delegationAttributes.flags,
    before: [String(before)],
    after: [String(after)],
    lines: changed.map(
      ([flag, bit]) =>
        `${(after & bit) === 0 ? "-" : "+"} ${userAccountControlLabels[flag]} (0x${bit.toString(16)}): ${before} -> ${after}`,
    ),
    opens,
  };
}

/** A change of a delegation descriptor. */
export function descriptorDiff(
  account: Account,
  after: Uint8Array | undefined,
  nameOf: (sid: string) => string,
  opens: readonly string[] = [],
): AttributeDiff {
  const before = account.allowedToActOnBehalfOf;
  const had = trusteesOf(before);
  const has = trusteesOf(after);
  return {
    ...head(account),
    attribute: delegationAttributes.resource,
    before: before === undefined ? [] : [before],
    after: after === undefined ? [] : [after],
    lines: [
      ...had.filter((sid) => !has.includes(sid)).map((sid) => `- ${nameOf(sid)} (${sid})`),
      ...has.filter((sid) => !had.includes(sid)).map((sid) => `+ ${nameOf(sid)} (${sid})`),
    ],
    opens,
  };
}

/** SIDs with an entry in a delegation descriptor; none when it is absent or damaged. */
export function trusteesOf(descriptor: Uint8Array | undefined): string[] {
  if (descriptor === undefined) return [];
  try {
    return [...new Set(decodeSecurityDescriptor(descriptor).dacl?.aces.map(({ sid }) => sid) ?? [])];
  } catch {
    return [];
  }
}

function head(account: Account): Pick<AttributeDiff, "dn" | "account" | "sid"> {
  return { dn: account.dn, account: account.samAccountName, sid: account.sid };
}
