import type { Filter } from "../filter/filter.ts";
import { parseFilter } from "../filter/parse-filter.ts";
import { filterSchema } from "../messages/filter-schema.ts";
import type { Control } from "../messages/ldap-message.ts";
import { ControlOid } from "../registry/oids.ts";
import { ExtendedDnValue, SdFlagsValue, SortKeyList } from "./control-values.ts";

/** Controls a client may ask for by name. All are critical: a server that does not know one refuses. */
export interface ControlOptions {
  /** Which parts of nTSecurityDescriptor: 1 owner, 2 group, 4 DACL, 8 SACL, added up. Without it AD needs the right to read all. */
  readonly sdFlags?: number | undefined;
  readonly showDeleted?: boolean | undefined;
  /** DNs as `<GUID=…>;<SID=…>;dn`: 0 with hexadecimal, 1 with the usual text form. */
  readonly extendedDn?: 0 | 1 | undefined;
  /** Adding a value that is there, or deleting one that is not, succeeds. */
  readonly permissiveModify?: boolean | undefined;
  /** Deletes everything below, too. */
  readonly treeDelete?: boolean | undefined;
  /** RFC 4528: go ahead only if the target matches. AD does not know it: there, delete the old value and add the new one. */
  readonly assertion?: Filter | string | undefined;
  readonly sort?: readonly SortBy[] | undefined;
  /** AD: no references to other domains among the results. */
  readonly domainScope?: boolean | undefined;
  /** Any other control, as it goes on the wire. */
  readonly controls?: readonly Control[] | undefined;
}

export interface SortBy {
  readonly attribute: string;
  readonly descending?: boolean;
  /** Ordering rule by name or number; needed by servers whose schema gives the attribute none. */
  readonly rule?: string;
}

export function encodeControls(options: ControlOptions): Control[] {
  const list: Control[] = [];
  const add = (controlType: string, controlValue?: Uint8Array): void => {
    list.push({ controlType, criticality: true, ...(controlValue === undefined ? {} : { controlValue }) });
  };
  if (options.sdFlags !== undefined) add(ControlOid.sdFlags, SdFlagsValue.encode({ flags: options.sdFlags }));
  if (options.showDeleted === true) add(ControlOid.showDeleted);
  if (options.extendedDn !== undefined) {
    add(ControlOid.extendedDn, ExtendedDnValue.encode({ flag: options.extendedDn }));
  }
  if (options.permissiveModify === true) add(ControlOid.permissiveModify);
  if (options.treeDelete === true) add(ControlOid.treeDelete);
  if (options.domainScope === true) add(ControlOid.domainScope);
  if (options.assertion !== undefined) {
    const { assertion } = options;
    add(
      ControlOid.assertion,
      filterSchema.encode(typeof assertion === "string" ? parseFilter(assertion) : assertion),
    );
  }
  if (options.sort !== undefined) {
    const keys = options.sort.map(({ attribute, descending = false, rule }) => ({
      attributeType: attribute,
      orderingRule: rule,
      reverseOrder: descending,
    }));
    add(ControlOid.sortRequest, SortKeyList.encode(keys));
  }
  list.push(...(options.controls ?? []));
  return list;
}
