import type { GroupMembership, LogonInfo, SidAndAttributes } from "./logon-info.ts";
import { NdrReader, type StringHead } from "./ndr-reader.ts";
import { NdrWriter } from "./ndr-writer.ts";
import { PacError } from "./pac-error.ts";

const maxCount = 0x8000;

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
