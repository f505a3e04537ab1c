import { LdapError, type ResultCodeName } from "@waybill/ldap";
import { DirectoryError, type DirectoryErrorCode } from "../errors.ts";

/** The result and the Win32 code AD answers with. */
const results: Partial<
  Readonly<Record<DirectoryErrorCode, readonly [ResultCodeName, code: string, problem: string]>>
> = {
  NO_SUCH_OBJECT: ["noSuchObject", "0000208D", "NameErr: DSID-03100245, problem 2001 (NO_OBJECT)"],
  ALREADY_EXISTS: ["entryAlreadyExists", "00002071", "UpdErr: DSID-0305038D, problem 6005 (ENTRY_EXISTS)"],
  NOT_ALLOWED_ON_NON_LEAF: [
    "notAllowedOnNonLeaf",
    "00002015",
    "UpdErr: DSID-031A11E7, problem 6003 (CANT_ON_NON_LEAF)",
  ],
  NO_SUCH_ATTRIBUTE: [
    "noSuchAttribute",
    "0000200A",
    "AttrErr: DSID-03190F80, problem 1001 (NO_ATTRIBUTE_OR_VAL)",
  ],
  NO_SUCH_VALUE: [
    "noSuchAttribute",
    "00002085",
    "AttrErr: DSID-03190F80, problem 1001 (NO_ATTRIBUTE_OR_VAL)",
  ],
  VALUE_EXISTS: [
    "attributeOrValueExists",
    "00002083",
    "AttrErr: DSID-03151830, problem 1006 (ATT_OR_VALUE_EXISTS)",
  ],
  SINGLE_VALUED: [
    "constraintViolation",
    "00002081",
    "AttrErr: DSID-03151E5B, problem 1005 (CONSTRAINT_ATT_TYPE)",
  ],
  OBJECT_CLASS_VIOLATION: [
    "objectClassViolation",
    "00002014",
    "UpdErr: DSID-0315166D, problem 6002 (OBJ_CLASS_VIOLATION)",
  ],
  READ_ONLY_ATTRIBUTE: [
    "unwillingToPerform",
    "00002077",
    "SvcErr: DSID-031903A6, problem 5003 (WILL_NOT_PERFORM)",
  ],
  NAME_TAKEN: ["entryAlreadyExists", "00000524", "UpdErr: DSID-031A11E1, problem 6005 (ENTRY_EXISTS)"],
  SPN_TAKEN: ["constraintViolation", "000021C7", "AtrErr: DSID-03200E8C, problem 1005 (CONSTRAINT_ATT_TYPE)"],
  UPN_TAKEN: ["constraintViolation", "000021C8", "AtrErr: DSID-03200E8D, problem 1005 (CONSTRAINT_ATT_TYPE)"],
  SPN_NOT_OWN_NAME: [
    "constraintViolation",
    "0000202F",
    "AtrErr: DSID-03200E8E, problem 1005 (CONSTRAINT_ATT_TYPE)",
  ],
  ACCESS_DENIED: [
    "insufficientAccessRights",
    "00002098",
    "SecErr: DSID-03150E8A, problem 4003 (INSUFF_ACCESS_RIGHTS)",
  ],
  PRIVILEGE_NOT_HELD: [
    "insufficientAccessRights",
    "00000522",
    "SecErr: DSID-031A1260, problem 4003 (INSUFF_ACCESS_RIGHTS)",
  ],
  QUOTA_EXCEEDED: [
    "unwillingToPerform",
    "0000216D",
    "SvcErr: DSID-031A126C, problem 5003 (WILL_NOT_PERFORM)",
  ],
  PASSWORD_POLICY: [
    "constraintViolation",
    "0000052D",
    "AtrErr: DSID-03191083, problem 1005 (CONSTRAINT_ATT_TYPE)",
  ],
  BAD_VALUE: ["constraintViolation", "0000202F", "AtrErr: DSID-03191084, problem 1005 (CONSTRAINT_ATT_TYPE)"],
  BAD_SECURITY_DESCRIPTOR: ["invalidAttributeSyntax", "0000200B", "AtrErr: DSID-03191085, problem 1002"],
  STORE_UNWRITABLE: ["unavailable", "00000070", "SvcErr: DSID-02082CE9, problem 5002 (UNAVAILABLE)"],
  BAD_NAME: ["invalidDNSyntax", "00002081", "NameErr: DSID-03050F42, problem 2003 (BAD_ATT_SYNTAX)"],
};

/** Our own reason in AD's form of words. Anything that is no DirectoryError goes through unchanged. */
export function toLdapError(error: unknown, matchedDn?: string): unknown {
  if (!(error instanceof DirectoryError)) return error;
  const [resultCode, code, problem] = results[error.code] ?? ["other", "00002020", "SvcErr"];
  return new LdapError({
    resultCode,
    diagnosticMessage: `${code}: ${problem}, data 0: ${error.message}`,
    matchedDn,
    cause: error,
  });
}

/** Runs a piece of backend work with its errors in LDAP's terms. */
export function inLdapTerms<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw toLdapError(error);
  }
}
