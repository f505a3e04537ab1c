import { Asn1Error } from "@waybill/asn1";
import {
  decodeControlValue,
  ExtendedDnValue,
  PagedResultsValue,
  SdFlagsValue,
  type SortKey,
  SortKeyList,
} from "../controls/control-values.ts";
import { LdapError } from "../errors.ts";
import { filterSchema } from "../messages/filter-schema.ts";
import type { Control } from "../messages/ldap-message.ts";
import { ControlOid } from "../registry/oids.ts";
import type { OperationControls } from "./backend.ts";

/** All controls of a request, decoded: what the backend obeys and what the server does itself. */
export interface RequestControls extends OperationControls {
  readonly paged: PagedResultsValue | undefined;
  readonly sort: readonly SortKey[] | undefined;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const readers: Readonly<
  Record<string, (into: Mutable<RequestControls>, value: Uint8Array | undefined) => void>
> = {
  [ControlOid.pagedResults]: (into, value) => {
    into.paged = decodeControlValue(PagedResultsValue, value);
  },
  [ControlOid.sortRequest]: (into, value) => {
    into.sort = decodeControlValue(SortKeyList, value);
  },
  [ControlOid.assertion]: (into, value) => {
    into.assertion = decodeControlValue(filterSchema, value);
  },
  [ControlOid.showDeleted]: (into) => {
    into.showDeleted = true;
  },
  [ControlOid.extendedDn]: (into, value) => {
    const flag = value === undefined ? 0 : decodeControlValue(ExtendedDnValue, value).flag;
    into.extendedDn = flag === 1 ? 1 : 0;
  },
  [ControlOid.sdFlags]: (into, value) => {
    into.sdFlags = decodeControlValue(SdFlagsValue, value).flags;
  },
  [ControlOid.treeDelete]: (into) => {
    into.treeDelete = true;
  },
  [ControlOid.permissiveModify]: (into) => {
    into.permissiveModify = true;
  },
  // No references are ever made up by this server, so there is nothing to leave out.
  [ControlOid.domainScope]: () => {},
};

/** What the root DSE lists as supportedControl. */
export const supportedControls: readonly string[] = Object.keys(readers);

/** @throws LdapError `unavailableCriticalExtension`, `protocolError` */
export function readControls(controls: readonly Control[] | undefined): RequestControls {
  const into: Mutable<RequestControls> = {
    permissiveModify: false,
    treeDelete: false,
    showDeleted: false,
    sdFlags: undefined,
    assertion: undefined,
    extendedDn: undefined,
    paged: undefined,
    sort: undefined,
  };
  for (const { controlType, criticality, controlValue } of controls ?? []) {
    const reader = Object.hasOwn(readers, controlType) ? readers[controlType] : undefined;
    if (reader === undefined) {
      if (!criticality) continue;
      throw new LdapError({
        resultCode: "unavailableCriticalExtension",
        diagnosticMessage: `00000057: LdapErr: DSID-0C090753, comment: Error processing control ${controlType}, data 0, v4f7c`,
      });
    }
    try {
      reader(into, controlValue);
    } catch (cause) {
      if (!(cause instanceof Asn1Error)) throw cause;
      throw new LdapError({
        resultCode: "protocolError",
        diagnosticMessage: `the value of control ${controlType} cannot be read`,
        cause,
      });
    }
  }
  return into;
}
