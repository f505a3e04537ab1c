import { WaybillError } from "@waybill/base";

/** Whatever the directory refuses or cannot read. `code` is one of {@link DirectoryErrorCode}. */
export class DirectoryError extends WaybillError {
  declare readonly code: DirectoryErrorCode;
}

export type DirectoryErrorCode =
  | "NO_SUCH_OBJECT"
  | "ALREADY_EXISTS"
  | "NOT_ALLOWED_ON_NON_LEAF"
  | "NO_SUCH_ATTRIBUTE"
  | "VALUE_EXISTS"
  | "NO_SUCH_VALUE"
  | "SINGLE_VALUED"
  | "OBJECT_CLASS_VIOLATION"
  | "READ_ONLY_ATTRIBUTE"
  | "NAME_TAKEN"
  | "SPN_TAKEN"
  | "SPN_NOT_OWN_NAME"
  | "UPN_TAKEN"
  | "ACCESS_DENIED"
  | "PRIVILEGE_NOT_HELD"
  | "QUOTA_EXCEEDED"
  | "PASSWORD_POLICY"
  | "BAD_VALUE"
  | "BAD_NAME"
  | "BAD_SECURITY_DESCRIPTOR"
  | "BAD_SDDL"
  | "BAD_LDIF"
  | "NO_DOMAIN"
  | "STORE_CORRUPT"
  | "STORE_UNWRITABLE"
  | "STORE_CLOSED";
