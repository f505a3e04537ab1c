import { type Account, type Domain, keyOfType } from "@waybill/directory";
import { EncType, ErrorCode, NtStatus, SupportedEncTypes } from "@waybill/kerberos";
import { type Refusal, refuse } from "./decision.ts";
import { activeDirectory, type KdcProfile } from "./profile.ts";
import { factOf, objectOf, type Reason } from "./reason.ts";
import { isProtected, type Subject } from "./subject.ts";

/** Encryption types in the KDC's order of preference, with the account bit that allows each. */
const preference: readonly (readonly [etype: number, bits: number])[] = [
  [EncType.aes256CtsHmacSha384, 0x80],
  [EncType.aes256CtsHmacSha1, SupportedEncTypes.aes256CtsHmacSha1],
  [EncType.aes128CtsHmacSha256, 0x40],
  [EncType.aes128CtsHmacSha1, SupportedEncTypes.aes128CtsHmacSha1],
  [EncType.rc4Hmac, SupportedEncTypes.rc4Hmac],
];

const typeBits = 0xff;
const aesBits = SupportedEncTypes.aes128CtsHmacSha1 | SupportedEncTypes.aes256CtsHmacSha1;

/** The encryption-type bits that hold for an account: its own, else the domain's default. */
export function effectiveEncTypes(
  account: Account,
  domain: Domain,
  profile: KdcProfile = activeDirectory,
): number {
  const own = account.supportedEncryptionTypes ?? 0;
  if ((own & typeBits) !== 0) return own;
  const byDefault = profile.rc4ByDefault
    ? SupportedEncTypes.rc4Hmac | SupportedEncTypes.aes256SessionKey
    : domain.defaultSupportedEncTypes;
  return byDefault | (own & ~typeBits);
}

export interface ServiceEncTypes {
  readonly allowed: true;
  /** Of the key the ticket is encrypted with. */
  readonly ticket: number;
  /** Of the session key: the client must know it too. */
  readonly session: number;
}

/**
 * Encryption types of a service ticket: MS-KILE section 3.3.5.7, with the defaults of 2026: AES only, RC4 only for
 * accounts that name it (CVE-2026-20833), AES session keys wherever both sides can (CVE-2022-37966).
 *
 * @param requested the request's list; only the session key depends on it
 */
export function serviceEncTypes(
  service: Account,
  domain: Domain,
  requested: readonly number[],
  profile: KdcProfile = activeDirectory,
): ServiceEncTypes | Refusal {
  const bits = effectiveEncTypes(service, domain, profile);
  const keys = service.keySets[0];
  const withKey = preference.filter(([etype]) => keys === undefined || keyOfType(keys, etype) !== undefined);
  const ticket = withKey.find(([, bit]) => (bits & bit) !== 0)?.[0];
  if (ticket === undefined) {
    const rc4Only = withKey.some(([etype]) => etype === EncType.rc4Hmac);
    return refuse(
      profile,
      ErrorCode.KDC_ERR_ETYPE_NOSUPP,
      undefined,
      withKey.length === 0 ? noKey(service) : rc4Only ? rc4NotAllowed(service) : noCommon(service, bits),
    );
  }
  const sessionBits = (bits & SupportedEncTypes.aes256SessionKey) === 0 ? bits : bits | aesBits;
  const session = preference.find(
    ([etype, bit]) => (sessionBits & bit) !== 0 && requested.includes(etype),
  )?.[0];
  if (session === undefined) {
    return refuse(profile, ErrorCode.KDC_ERR_ETYPE_NOSUPP, undefined, noCommon(service, bits));
  }
  return { allowed: true, ticket, session };
}

/**
 * Encryption types an account may prove its password with, in the order of the client's list.
 *
 * @returns KDC_ERR_ETYPE_NOSUPP when the client offers none of them
 */
export function clientEncTypes(
  client: Subject,
  domain: Domain,
  requested: readonly number[],
  profile: KdcProfile = activeDirectory,
): { readonly allowed: true; readonly etypes: readonly number[] } | Refusal {
  const { account } = client;
  const asFailure = { ...profile, ntStatusInTgsErrors: true };
  const protectedUser = isProtected(client, domain, profile);
  const keys = account.keySets[0];
  if (keys === undefined || keys.keys.length === 0) {
    return refuse(asFailure, ErrorCode.KDC_ERR_ETYPE_NOSUPP, undefined, noKey(account));
  }
  const rc4Allowed =
    !protectedUser && (effectiveEncTypes(account, domain, profile) & SupportedEncTypes.rc4Hmac) !== 0;
  const known = requested.filter((etype) => keyOfType(keys, etype) !== undefined);
  const etypes = [...new Set(known.filter((etype) => etype !== EncType.rc4Hmac || rc4Allowed))];
  if (etypes.length > 0) return { allowed: true, etypes };
  const rc4Asked = requested.includes(EncType.rc4Hmac);
  const reason = rc4Asked
    ? protectedUser
      ? protectedRc4(account)
      : rc4NotAllowed(account)
    : noCommon(account, typeBits);
  return refuse(
    asFailure,
    ErrorCode.KDC_ERR_ETYPE_NOSUPP,
    protectedUser && rc4Asked ? NtStatus.STATUS_ACCOUNT_RESTRICTION : undefined,
    reason,
  );
}

function noKey(account: Account): Reason {
  return {
    id: "no-key",
    sentence: `${account.samAccountName} has no key: its password was never set.`,
    fact: factOf(account, "pwdLastSet", "0"),
    lifts: [{ kind: "reset-password", ...objectOf(account) }],
  };
}

function rc4NotAllowed(account: Account): Reason {
  const attribute = "msDS-SupportedEncryptionTypes";
  return {
    id: "rc4-not-allowed",
    sentence: `${account.samAccountName} could be reached with RC4 only, which is off unless the account names it.`,
    fact: factOf(account, attribute, String(account.supportedEncryptionTypes ?? "(absent)")),
    lifts: [
      { kind: "reset-password", ...objectOf(account) },
      { kind: "set-attribute", ...objectOf(account), attribute, value: "28" },
    ],
  };
}

function protectedRc4(account: Account): Reason {
  return {
    id: "protected-user-rc4",
    sentence: `${account.samAccountName} is a member of Protected Users, who may not use RC4.`,
    fact: factOf(account, "memberOf", "Protected Users"),
    lifts: [{ kind: "ask-differently", how: "Sign in with AES." }],
  };
}

function noCommon(account: Account, bits: number): Reason {
  const attribute = "msDS-SupportedEncryptionTypes";
  return {
    id: "no-common-encryption-type",
    sentence: `The client and ${account.samAccountName} have no encryption type in common.`,
    fact: factOf(account, attribute, `0x${bits.toString(16)}`),
    lifts: [
      { kind: "ask-differently", how: "Offer AES." },
      { kind: "set-attribute", ...objectOf(account), attribute, value: "24" },
    ],
  };
}
