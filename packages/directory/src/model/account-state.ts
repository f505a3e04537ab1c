import type { EpochMs } from "@waybill/base";
import type { Account } from "./account.ts";
import type { Domain } from "./domain.ts";
import { UserAccountControl } from "./user-account-control.ts";

/** What stands between an account and a logon, wherever that is tried. */
export interface AccountState {
  readonly disabled: boolean;
  readonly expired: boolean;
  readonly locked: boolean;
  /** When the lock falls away; `undefined` when not locked or when only an administrator can lift it. */
  readonly lockedUntil: EpochMs | undefined;
  /** pwdLastSet is 0. */
  readonly mustChangePassword: boolean;
  /** The password is older than the domain allows. */
  readonly passwordExpired: boolean;
  /** The account may not sign in at this hour of the week. */
  readonly outsideLogonHours: boolean;
}

const passwordNeverExpires =
  UserAccountControl.dontExpirePassword |
  UserAccountControl.smartcardRequired |
  UserAccountControl.workstationTrustAccount |
  UserAccountControl.serverTrustAccount |
  UserAccountControl.interdomainTrustAccount;

/** MS-ADTS sections 3.1.1.4.5.16 and .17 (msDS-User-Account-Control-Computed), at one moment. */
export function accountState(account: Account, domain: Domain, now: EpochMs): AccountState {
  const uac = account.userAccountControl;
  const { lockoutTime } = account;
  const { duration } = domain.lockout;
  const lockedUntil =
    lockoutTime === undefined || duration === undefined ? undefined : lockoutTime + duration;
  const locked = lockoutTime !== undefined && (lockedUntil === undefined || now < lockedUntil);
  const ageless = (uac & passwordNeverExpires) !== 0;
  const { passwordLastSet } = account;
  const { maxAge } = domain.passwords;
  return {
    disabled: (uac & UserAccountControl.accountDisable) !== 0,
    expired: account.accountExpires !== undefined && account.accountExpires <= now,
    locked,
    lockedUntil: locked ? lockedUntil : undefined,
    mustChangePassword: !ageless && passwordLastSet === undefined,
    passwordExpired:
      !ageless && passwordLastSet !== undefined && maxAge !== undefined && passwordLastSet + maxAge <= now,
    outsideLogonHours: !allowsHour(account.logonHours, now),
  };
}

const hour = 60 * 60_000;
const hoursOfWeek = 168;
/** The epoch was a Thursday, the week of logonHours begins on Sunday. */
const thursday = 4 * 24;

/** logonHours, MS-SAMR section 2.2.6.5: 21 octets. An attribute of another length restricts nothing. */
function allowsHour(hours: Uint8Array | undefined, now: EpochMs): boolean {
  if (hours === undefined || hours.length * 8 < hoursOfWeek) return true;
  const index = (Math.floor(now / hour) + thursday) % hoursOfWeek;
  return (((hours[index >> 3] ?? 0xff) >> (index & 7)) & 1) === 1;
}
