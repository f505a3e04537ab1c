import {
  AccessMask,
  AceFlags,
  AceType,
  fullControl,
  type SecurityDescriptor,
} from "./security-descriptor.ts";

const objectGeneric: readonly (readonly [generic: number, specific: number])[] = [
  [AccessMask.genericAll, fullControl],
  [AccessMask.genericRead, 0x00020094],
  [AccessMask.genericWrite, 0x00020028],
  [AccessMask.genericExecute, 0x00020004],
];

/** The specific rights that generic bits of a mask stand for on directory objects: MS-ADTS section 5.1.3.2. */
export function expandGeneric(mask: number): number {
  let expanded = mask & ~0xf0000000;
  for (const [generic, specific] of objectGeneric) if ((mask & generic) !== 0) expanded |= specific;
  return expanded;
}

const granting: ReadonlySet<number> = new Set([AceType.accessAllowed, AceType.accessAllowedObject]);
const denying: ReadonlySet<number> = new Set([
  AceType.accessDenied,
  AceType.accessDeniedObject,
  AceType.accessDeniedCallback,
  AceType.accessDeniedCallbackObject,
]);

/**
 * Whether a token may do everything `wanted` asks for: MS-DTYP section 2.5.3.2. The entries are read in order; the
 * first to speak about a right decides it. Conditional grants are not evaluated and grant nothing.
 *
 * @param tokenSids the SIDs of who asks
 * @param objectType GUID of the property, property set or extended right in question; entries about others do not count
 */
export function accessCheck(
  descriptor: SecurityDescriptor,
  tokenSids: readonly string[],
  wanted: number,
  objectType?: string | readonly string[],
): boolean {
  let missing = expandGeneric(wanted);
  if (descriptor.dacl === undefined) return true;
  const token = new Set(tokenSids);
  if (descriptor.owner !== undefined && token.has(descriptor.owner)) {
    missing &= ~(AccessMask.readControl | AccessMask.writeDacl);
  }
  const about = new Set(typeof objectType === "string" ? [objectType] : objectType);
  for (const ace of descriptor.dacl.aces) {
    if (missing === 0) return true;
    if ((ace.flags & AceFlags.inheritOnly) !== 0 || !token.has(ace.sid)) continue;
    if (ace.objectType !== undefined && !about.has(ace.objectType)) continue;
    const mask = expandGeneric(ace.mask);
    if (granting.has(ace.type)) missing &= ~mask;
    else if (denying.has(ace.type) && (mask & missing) !== 0) return false;
  }
  return missing === 0;
}
