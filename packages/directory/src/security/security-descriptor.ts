import { concatBytes } from "@waybill/base";
import { DirectoryError } from "../errors.ts";
import { formatGuid, parseGuid } from "../names/guid.ts";
import { decodeSid, encodeSid, sidLength } from "./sid.ts";

/** SECURITY_DESCRIPTOR, MS-DTYP section 2.4.6. */
export interface SecurityDescriptor {
  /** Control bits other than those that follow from the parts: `SecurityDescriptorControl`. */
  readonly control: number;
  readonly owner?: string | undefined;
  readonly group?: string | undefined;
  /** `undefined`: no DACL, everything is allowed. An empty one allows nothing. */
  readonly dacl?: Acl | undefined;
  readonly sacl?: Acl | undefined;
}

export interface Acl {
  /** 2, or 4 when there are object ACEs. */
  readonly revision: number;
  readonly aces: readonly Ace[];
}

/** One access control entry, MS-DTYP section 2.4.4. */
export interface Ace {
  readonly type: number;
  /** Inheritance and audit bits, `AceFlags`. */
  readonly flags: number;
  /** Access mask, `AccessMask`. */
  readonly mask: number;
  readonly sid: string;
  /** Right, property set, property or class this is about. */
  readonly objectType?: string | undefined;
  readonly inheritedObjectType?: string | undefined;
  /** Condition or resource attribute octets after the SID, kept as they are. */
  readonly applicationData?: Uint8Array | undefined;
  /** The octets after mask of a type this module does not know; `sid` is empty then. */
  readonly opaque?: Uint8Array | undefined;
}

export const SecurityDescriptorControl = {
  ownerDefaulted: 0x1,
  groupDefaulted: 0x2,
  daclPresent: 0x4,
  daclDefaulted: 0x8,
  saclPresent: 0x10,
  saclDefaulted: 0x20,
  daclAutoInheritRequired: 0x100,
  saclAutoInheritRequired: 0x200,
  daclAutoInherited: 0x400,
  saclAutoInherited: 0x800,
  daclProtected: 0x1000,
  saclProtected: 0x2000,
  selfRelative: 0x8000,
} as const;

export const AceType = {
  accessAllowed: 0,
  accessDenied: 1,
  systemAudit: 2,
  accessAllowedObject: 5,
  accessDeniedObject: 6,
  systemAuditObject: 7,
  accessAllowedCallback: 9,
  accessDeniedCallback: 0x0a,
  accessAllowedCallbackObject: 0x0b,
  accessDeniedCallbackObject: 0x0c,
  systemAuditCallback: 0x0d,
  systemAuditCallbackObject: 0x0f,
  systemMandatoryLabel: 0x11,
  systemResourceAttribute: 0x12,
  systemScopedPolicyId: 0x13,
} as const;

export const AceFlags = {
  objectInherit: 0x1,
  containerInherit: 0x2,
  noPropagateInherit: 0x4,
  inheritOnly: 0x8,
  inherited: 0x10,
  successfulAccess: 0x40,
  failedAccess: 0x80,
} as const;

/** Access mask bits of directory objects: MS-ADTS section 5.1.3.2. */
export const AccessMask = {
  createChild: 0x1,
  deleteChild: 0x2,
  listContents: 0x4,
  selfWrite: 0x8,
  readProperty: 0x10,
  writeProperty: 0x20,
  deleteTree: 0x40,
  listObject: 0x80,
  controlAccess: 0x100,
  delete: 0x10000,
  readControl: 0x20000,
  writeDacl: 0x40000,
  writeOwner: 0x80000,
  accessSystemSecurity: 0x1000000,
  genericAll: 0x10000000,
  genericExecute: 0x20000000,
  genericWrite: 0x40000000,
  genericRead: 0x80000000,
} as const;

/** Everything a generic-all grant on a directory object means. */
export const fullControl = 0x000f01ff;

const objectTypes: ReadonlySet<number> = new Set([5, 6, 7, 8, 0x0b, 0x0c, 0x0f, 0x10]);
const simpleTypes: ReadonlySet<number> = new Set([0, 1, 2, 3, 9, 0x0a, 0x0d, 0x0e, 0x11, 0x12, 0x13]);

export function isObjectAce(type: number): boolean {
  return objectTypes.has(type);
}

/** @throws DirectoryError BAD_SECURITY_DESCRIPTOR for anything that does not hold together. */
export function decodeSecurityDescriptor(bytes: Uint8Array): SecurityDescriptor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 20 || bytes[0] !== 1) throw bad("no header of revision 1", bytes.length);
  const control = view.getUint16(2, true);
  if ((control & SecurityDescriptorControl.selfRelative) === 0)
    throw bad("not in self-relative form", bytes.length);
  const at = (offset: number): number => view.getUint32(offset, true);
  const owner = sidAt(bytes, at(4));
  const group = sidAt(bytes, at(8));
  const present = (bit: number, offset: number): Acl | undefined =>
    (control & bit) === 0 || offset === 0 ? undefined : decodeAcl(bytes, view, offset);
  return {
    control,
    ...(owner === undefined ? {} : { owner }),
    ...(group === undefined ? {} : { group }),
    ...optional("sacl", present(SecurityDescriptorControl.saclPresent, at(12))),
    ...optional("dacl", present(SecurityDescriptorControl.daclPresent, at(16))),
  };
}

function optional<K extends string, V>(key: K, value: V | undefined): { readonly [key in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [key in K]?: V };
}

/** Self-relative octets in the order owner, group, SACL, DACL that Windows writes: SACL, DACL, owner, group. */
export function encodeSecurityDescriptor(descriptor: SecurityDescriptor): Uint8Array {
  const { owner, group, dacl, sacl } = descriptor;
  const parts: Uint8Array[] = [];
  let next = 20;
  const place = (part: Uint8Array | undefined): number => {
    if (part === undefined) return 0;
    parts.push(part);
    const offset = next;
    next += part.length;
    return offset;
  };
  const saclAt = place(sacl && encodeAcl(sacl));
  const daclAt = place(dacl && encodeAcl(dacl));
  const ownerAt = place(owner === undefined ? undefined : encodeSid(owner));
  const groupAt = place(group === undefined ? undefined : encodeSid(group));
  const { daclPresent, saclPresent, selfRelative } = SecurityDescriptorControl;
  const kept = descriptor.control & ~(sacl === undefined ? saclPresent : 0);
  const control =
    kept | selfRelative | (dacl === undefined ? 0 : daclPresent) | (sacl === undefined ? 0 : saclPresent);
  const header = new Uint8Array(20);
  const view = new DataView(header.buffer);
  header[0] = 1;
  view.setUint16(2, control, true);
  [ownerAt, groupAt, saclAt, daclAt].forEach((offset, index) => {
    view.setUint32(4 + 4 * index, offset, true);
  });
  return concatBytes(header, ...parts);
}

function sidAt(bytes: Uint8Array, offset: number): string | undefined {
  if (offset === 0) return undefined;
  if (offset < 20 || offset + 8 > bytes.length) throw bad("a SID lies outside", bytes.length);
  try {
    return decodeSid(bytes, offset);
  } catch {
    throw bad("a SID is malformed", bytes.length);
  }
}

function decodeAcl(bytes: Uint8Array, view: DataView, offset: number): Acl {
  if (offset < 20 || offset + 8 > bytes.length) throw bad("an access list lies outside", bytes.length);
  const end = offset + view.getUint16(offset + 2, true);
  if (end > bytes.length || end < offset + 8) throw bad("an access list is cut short", bytes.length);
  const count = view.getUint16(offset + 4, true);
  const aces: Ace[] = [];
  let at = offset + 8;
  for (let index = 0; index < count; index++) {
    const size = at + 8 <= end ? view.getUint16(at + 2, true) : 0;
    if (size < 8 || at + size > end) throw bad("an access control entry is cut short", bytes.length);
    aces.push(decodeAce(bytes.subarray(at, at + size)));
    at += size;
  }
  return { revision: bytes[offset] ?? 2, aces };
}

function decodeAce(bytes: Uint8Array): Ace {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const head = { type: bytes[0] ?? 0, flags: bytes[1] ?? 0, mask: view.getUint32(4, true) };
  if (!simpleTypes.has(head.type) && !objectTypes.has(head.type)) {
    return { ...head, sid: "", opaque: bytes.slice(8) };
  }
  let at = 8;
  let objectType: string | undefined;
  let inheritedObjectType: string | undefined;
  if (objectTypes.has(head.type)) {
    if (bytes.length < 12) throw bad("an object entry is cut short", bytes.length);
    const present = view.getUint32(8, true);
    at = 12;
    const guid = (): string => {
      if (at + 16 > bytes.length) throw bad("an object entry is cut short", bytes.length);
      at += 16;
      return formatGuid(bytes.subarray(at - 16, at));
    };
    if ((present & 1) !== 0) objectType = guid();
    if ((present & 2) !== 0) inheritedObjectType = guid();
  }
  if (at + 8 > bytes.length || at + sidLength(bytes, at) > bytes.length)
    throw bad("an entry's SID is cut short", bytes.length);
  let sid: string;
  try {
    sid = decodeSid(bytes, at);
  } catch {
    throw bad("an entry's SID is malformed", bytes.length);
  }
  const rest = bytes.slice(at + sidLength(bytes, at));
  return {
    ...head,
    sid,
    ...optional("objectType", objectType),
    ...optional("inheritedObjectType", inheritedObjectType),
    ...(rest.length === 0 ? {} : { applicationData: rest }),
  };
}

function encodeAcl(acl: Acl): Uint8Array {
  const body = concatBytes(...acl.aces.map(encodeAce));
  if (body.length + 8 > 0xffff) throw bad("an access list is longer than 64 KiB", body.length);
  const bytes = new Uint8Array(8 + body.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = acl.revision;
  view.setUint16(2, bytes.length, true);
  view.setUint16(4, acl.aces.length, true);
  bytes.set(body, 8);
  return bytes;
}

function encodeAce(ace: Ace): Uint8Array {
  const head = new Uint8Array(8);
  const parts: Uint8Array[] = [head];
  if (ace.opaque !== undefined) parts.push(ace.opaque);
  else {
    if (objectTypes.has(ace.type)) {
      const { objectType, inheritedObjectType } = ace;
      const present = (objectType === undefined ? 0 : 1) | (inheritedObjectType === undefined ? 0 : 2);
      parts.push(Uint8Array.of(present, 0, 0, 0));
      if (objectType !== undefined) parts.push(parseGuid(objectType));
      if (inheritedObjectType !== undefined) parts.push(parseGuid(inheritedObjectType));
    }
    parts.push(encodeSid(ace.sid));
    if (ace.applicationData !== undefined) parts.push(ace.applicationData);
  }
  const bytes = concatBytes(...parts);
  const view = new DataView(bytes.buffer);
  bytes[0] = ace.type;
  bytes[1] = ace.flags;
  view.setUint16(2, bytes.length, true);
  view.setUint32(4, ace.mask, true);
  return bytes;
}

function bad(why: string, length: number): DirectoryError {
  return new DirectoryError(`the security descriptor (${length} octets) cannot be read: ${why}`, {
    code: "BAD_SECURITY_DESCRIPTOR",
    family: "peer",
    facts: { length },
  });
}
