import type { FileTime } from "./file-time.ts";
import { joinSid, type Sid } from "./sid.ts";

/** SE_GROUP_* bits of a membership, [MS-PAC] 2.2.1. */
export const GroupAttributes = {
  mandatory: 0x1,
  enabledByDefault: 0x2,
  enabled: 0x4,
  owner: 0x8,
  resource: 0x20000000,
  /** What the KDC sets on every ordinary group. */
  usual: 0x7,
} as const;

/** Bits of {@link LogonInfo.userFlags}, [MS-PAC] 2.5. */
export const UserFlags = {
  guest: 0x1,
  extraSids: 0x20,
  resourceGroups: 0x200,
} as const;

/** A group by its number in a domain. See GroupAttributes. */
export interface GroupMembership {
  readonly rid: number;
  readonly attributes: number;
}

/** A group by its whole SID. See GroupAttributes. */
export interface SidAndAttributes {
  readonly sid: Sid;
  readonly attributes: number;
}

/** KERB_VALIDATION_INFO, [MS-PAC] 2.5: who the person is and which groups they belong to. */
export interface LogonInfo {
  readonly logonTime: FileTime;
  readonly logoffTime: FileTime;
  readonly kickOffTime: FileTime;
  readonly passwordLastSet: FileTime;
  readonly passwordCanChange: FileTime;
  readonly passwordMustChange: FileTime;
  /** The account name (sAMAccountName). */
  readonly effectiveName: string;
  readonly fullName: string;
  readonly logonScript: string;
  readonly profilePath: string;
  readonly homeDirectory: string;
  readonly homeDirectoryDrive: string;
  readonly logonCount: number;
  readonly badPasswordCount: number;
  /** Relative to {@link logonDomainId}. */
  readonly userId: number;
  readonly primaryGroupId: number;
  /** Groups of the account's own domain. */
  readonly groups: readonly GroupMembership[];
  readonly userFlags: number;
  /** 16 bytes; zero in Kerberos. */
  readonly userSessionKey: Uint8Array;
  readonly logonServer: string;
  readonly logonDomainName: string;
  readonly logonDomainId: Sid;
  /** 8 bytes; zero. */
  readonly reserved1: Uint8Array;
  /** USER_* bits of [MS-SAMR] 2.2.1.12, not the directory's userAccountControl. */
  readonly userAccountControl: number;
  readonly subAuthStatus: number;
  readonly lastSuccessfulLogon: FileTime;
  readonly lastFailedLogon: FileTime;
  readonly failedLogonCount: number;
  readonly reserved3: number;
  /** SIDs from elsewhere: other domains, SID history, how the identity came about. */
  readonly extraSids: readonly SidAndAttributes[];
  /** Domain of the {@link resourceGroups}; absent when there are none. */
  readonly resourceGroupDomain?: Sid | undefined;
  /** Domain-local groups of the service's domain. */
  readonly resourceGroups: readonly GroupMembership[];
}

const noTimes = {
  logonTime: undefined,
  logoffTime: Number.POSITIVE_INFINITY,
  kickOffTime: Number.POSITIVE_INFINITY,
  passwordLastSet: undefined,
  passwordCanChange: undefined,
  passwordMustChange: Number.POSITIVE_INFINITY,
  lastSuccessfulLogon: undefined,
  lastFailedLogon: undefined,
};
const zeros16 = new Uint8Array(16);
const zeros8 = new Uint8Array(8);

/** The members nobody can guess; everything else gets the value of an account without peculiarities. */
export type LogonInfoSeed = Partial<LogonInfo> &
  Pick<LogonInfo, "effectiveName" | "userId" | "logonDomainId" | "logonDomainName">;

/** A whole LogonInfo from the parts that matter; sets the user flags that go with the groups given. */
export function logonInfo(seed: LogonInfoSeed): LogonInfo {
  const extra = (seed.extraSids?.length ?? 0) > 0 ? UserFlags.extraSids : 0;
  const resource = (seed.resourceGroups?.length ?? 0) > 0 ? UserFlags.resourceGroups : 0;
  return {
    ...noTimes,
    fullName: "",
    logonScript: "",
    profilePath: "",
    homeDirectory: "",
    homeDirectoryDrive: "",
    logonCount: 0,
    badPasswordCount: 0,
    primaryGroupId: 513,
    groups: [],
    userSessionKey: zeros16,
    logonServer: "",
    reserved1: zeros8,
    userAccountControl: 0x10,
    subAuthStatus: 0,
    failedLogonCount: 0,
    reserved3: 0,
    extraSids: [],
    resourceGroups: [],
    ...seed,
    userFlags: (seed.userFlags ?? 0) | extra | resource,
  };
}

/** The account's own SID. */
export function userSid(info: LogonInfo): Sid {
  return joinSid(info.logonDomainId, info.userId);
}

/** Every SID the PAC grants: the account, its groups, the extra SIDs, the resource groups. */
export function allSids(info: LogonInfo): SidAndAttributes[] {
  const sids: SidAndAttributes[] = [];
  if (info.userId !== 0) sids.push({ sid: userSid(info), attributes: GroupAttributes.usual });
  for (const { rid, attributes } of info.groups) {
    sids.push({ sid: joinSid(info.logonDomainId, rid), attributes });
  }
  sids.push(...info.extraSids);
  const domain = info.resourceGroupDomain;
  if (domain !== undefined) {
    for (const { rid, attributes } of info.resourceGroups)
      sids.push({ sid: joinSid(domain, rid), attributes });
  }
  return sids;
}
