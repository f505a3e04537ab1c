import type { FileTime } from "./file-time.ts";
import { NdrReader, type StringHead } from "./ndr-reader.ts";
import { NdrWriter } from "./ndr-writer.ts";
import { PacError } from "./pac-error.ts";
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

const maxCount = 0x8000;
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

/** Reads buffer 1. @throws PacError PAC_MALFORMED */
export function decodeLogonInfo(bytes: Uint8Array): LogonInfo {
  const r = new NdrReader(bytes, "LOGON_INFO");
  r.header();
  const logonTime = r.fileTime("LogonTime");
  const logoffTime = r.fileTime("LogoffTime");
  const kickOffTime = r.fileTime("KickOffTime");
  const passwordLastSet = r.fileTime("PasswordLastSet");
  const passwordCanChange = r.fileTime("PasswordCanChange");
  const passwordMustChange = r.fileTime("PasswordMustChange");
  const effectiveName = r.stringHead("EffectiveName");
  const fullName = r.stringHead("FullName");
  const logonScript = r.stringHead("LogonScript");
  const profilePath = r.stringHead("ProfilePath");
  const homeDirectory = r.stringHead("HomeDirectory");
  const homeDirectoryDrive = r.stringHead("HomeDirectoryDrive");
  const logonCount = r.uint16("LogonCount");
  const badPasswordCount = r.uint16("BadPasswordCount");
  const userId = r.uint32("UserId");
  const primaryGroupId = r.uint32("PrimaryGroupId");
  const groupCount = r.uint32("GroupCount");
  const hasGroups = r.pointer("GroupIds");
  const userFlags = r.uint32("UserFlags");
  const userSessionKey = r.bytes(16, "UserSessionKey");
  const logonServer = r.stringHead("LogonServer");
  const logonDomainName = r.stringHead("LogonDomainName");
  const hasDomain = r.pointer("LogonDomainId");
  const reserved1 = r.bytes(8, "Reserved1");
  const userAccountControl = r.uint32("UserAccountControl");
  const subAuthStatus = r.uint32("SubAuthStatus");
  const lastSuccessfulLogon = r.fileTime("LastSuccessfulILogon");
  const lastFailedLogon = r.fileTime("LastFailedILogon");
  const failedLogonCount = r.uint32("FailedILogonCount");
  const reserved3 = r.uint32("Reserved3");
  const sidCount = r.uint32("SidCount");
  const hasSids = r.pointer("ExtraSids");
  const hasResourceDomain = r.pointer("ResourceGroupDomainSid");
  const resourceCount = r.uint32("ResourceGroupCount");
  const hasResources = r.pointer("ResourceGroupIds");
  const text = (head: StringHead): string => r.stringBody(head);
  // What pointers refer to follows in the order of the pointers; object literals evaluate in that order too.
  return {
    logonTime,
    logoffTime,
    kickOffTime,
    passwordLastSet,
    passwordCanChange,
    passwordMustChange,
    effectiveName: text(effectiveName),
    fullName: text(fullName),
    logonScript: text(logonScript),
    profilePath: text(profilePath),
    homeDirectory: text(homeDirectory),
    homeDirectoryDrive: text(homeDirectoryDrive),
    logonCount,
    badPasswordCount,
    userId,
    primaryGroupId,
    groups: hasGroups ? readGroups(r, groupCount, "GroupIds") : [],
    userFlags,
    userSessionKey,
    logonServer: text(logonServer),
    logonDomainName: text(logonDomainName),
    logonDomainId: hasDomain ? r.sid("LogonDomainId") : "S-1-0",
    reserved1,
    userAccountControl,
    subAuthStatus,
    lastSuccessfulLogon,
    lastFailedLogon,
    failedLogonCount,
    reserved3,
    extraSids: hasSids ? readSids(r, sidCount) : [],
    resourceGroupDomain: hasResourceDomain ? r.sid("ResourceGroupDomainSid") : undefined,
    resourceGroups: hasResources ? readGroups(r, resourceCount, "ResourceGroupIds") : [],
  };
}

function readGroups(r: NdrReader, count: number, field: string): GroupMembership[] {
  r.arrayOf(count, 8, field);
  const groups: GroupMembership[] = [];
  for (let index = 0; index < count; index++) {
    groups.push({ rid: r.uint32(field), attributes: r.uint32(field) });
  }
  return groups;
}

function readSids(r: NdrReader, count: number): SidAndAttributes[] {
  r.arrayOf(count, 8, "ExtraSids");
  const heads: { readonly present: boolean; readonly attributes: number }[] = [];
  for (let index = 0; index < count; index++) {
    heads.push({ present: r.pointer("ExtraSids.Sid"), attributes: r.uint32("ExtraSids.Attributes") });
  }
  return heads
    .filter((head) => head.present)
    .map((head) => ({ sid: r.sid("ExtraSids.Sid"), attributes: head.attributes }));
}

/** Writes buffer 1. @throws PacError PAC_INVALID_VALUE, PAC_INVALID_SID */
export function encodeLogonInfo(info: LogonInfo): Uint8Array {
  if (info.userSessionKey.length !== 16 || info.reserved1.length !== 8) {
    throw new PacError("PAC_INVALID_VALUE", "userSessionKey takes 16 bytes and reserved1 takes 8");
  }
  for (const list of [info.groups, info.extraSids, info.resourceGroups]) {
    if (list.length > maxCount) throw new PacError("PAC_INVALID_VALUE", `${list.length} groups are too many`);
  }
  const w = new NdrWriter();
  w.header();
  w.fileTime(info.logonTime);
  w.fileTime(info.logoffTime);
  w.fileTime(info.kickOffTime);
  w.fileTime(info.passwordLastSet);
  w.fileTime(info.passwordCanChange);
  w.fileTime(info.passwordMustChange);
  w.stringHead(info.effectiveName);
  w.stringHead(info.fullName);
  w.stringHead(info.logonScript);
  w.stringHead(info.profilePath);
  w.stringHead(info.homeDirectory);
  w.stringHead(info.homeDirectoryDrive);
  w.uint16(info.logonCount);
  w.uint16(info.badPasswordCount);
  w.uint32(info.userId);
  w.uint32(info.primaryGroupId);
  w.uint32(info.groups.length);
  w.pointer(info.groups.length > 0);
  w.uint32(info.userFlags);
  w.bytes(info.userSessionKey);
  w.stringHead(info.logonServer, true);
  w.stringHead(info.logonDomainName, true);
  w.pointer(true);
  w.bytes(info.reserved1);
  w.uint32(info.userAccountControl);
  w.uint32(info.subAuthStatus);
  w.fileTime(info.lastSuccessfulLogon);
  w.fileTime(info.lastFailedLogon);
  w.uint32(info.failedLogonCount);
  w.uint32(info.reserved3);
  w.uint32(info.extraSids.length);
  w.pointer(info.extraSids.length > 0);
  w.pointer(info.resourceGroupDomain !== undefined);
  w.uint32(info.resourceGroups.length);
  w.pointer(info.resourceGroups.length > 0);

  w.stringBody(info.effectiveName);
  w.stringBody(info.fullName);
  w.stringBody(info.logonScript);
  w.stringBody(info.profilePath);
  w.stringBody(info.homeDirectory);
  w.stringBody(info.homeDirectoryDrive);
  writeGroups(w, info.groups);
  w.stringBody(info.logonServer, true);
  w.stringBody(info.logonDomainName, true);
  w.sid(info.logonDomainId);
  writeSids(w, info.extraSids);
  if (info.resourceGroupDomain !== undefined) w.sid(info.resourceGroupDomain);
  writeGroups(w, info.resourceGroups);
  return w.finish();
}

function writeGroups(w: NdrWriter, groups: readonly GroupMembership[]): void {
  if (groups.length === 0) return;
  w.uint32(groups.length);
  for (const group of groups) {
    w.uint32(group.rid);
    w.uint32(group.attributes);
  }
}

function writeSids(w: NdrWriter, sids: readonly SidAndAttributes[]): void {
  if (sids.length === 0) return;
  w.uint32(sids.length);
  for (const { attributes } of sids) {
    w.pointer(true);
    w.uint32(attributes);
  }
  for (const { sid } of sids) w.sid(sid);
}
