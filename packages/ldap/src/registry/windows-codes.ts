/** A Win32 or SSPI code that AD puts into the diagnostic text of a result. */
export interface WindowsCode {
  readonly code: number;
  readonly name: string;
  readonly meaning: string;
  readonly remedy?: string;
}

const row = (code: number, name: string, meaning: string, remedy?: string): [number, WindowsCode] => [
  code,
  { code, name, meaning, ...(remedy === undefined ? {} : { remedy }) },
];

const strongAuth = "Bind with SASL sign and seal, or use LDAPS or StartTLS.";

/** The eight hexadecimal digits before the first colon. Numbers: MS-ERREF sections 2.1 and 2.2. */
const problems = new Map<number, WindowsCode>([
  row(
    0x00000005,
    "ERROR_ACCESS_DENIED",
    "access is denied",
    "Use an account that has the right, or have it delegated.",
  ),
  row(0x00000057, "ERROR_INVALID_PARAMETER", "a value is not acceptable"),
  row(
    0x000004dc,
    "ERROR_NOT_AUTHENTICATED",
    "the operation needs an authenticated connection",
    "Bind first.",
  ),
  row(
    0x0000052d,
    "ERROR_PASSWORD_RESTRICTION",
    "the new password does not meet the domain's policy",
    "Choose a longer or more complex password, not used before.",
  ),
  row(0x0000200a, "ERROR_DS_NO_ATTRIBUTE_OR_VALUE", "the attribute or value does not exist"),
  row(0x0000200b, "ERROR_DS_INVALID_ATTRIBUTE_SYNTAX", "the value does not fit the attribute's syntax"),
  row(0x0000200c, "ERROR_DS_ATTRIBUTE_TYPE_UNDEFINED", "the schema has no such attribute"),
  row(0x0000200d, "ERROR_DS_ATTRIBUTE_OR_VALUE_EXISTS", "the attribute or value is already there"),
  row(0x00002014, "ERROR_DS_OBJ_CLASS_VIOLATION", "the object's class does not allow it"),
  row(
    0x00002015,
    "ERROR_DS_CANT_ON_NON_LEAF",
    "the object has objects below it",
    "Delete those first, or use the tree delete control.",
  ),
  row(0x00002020, "ERROR_DS_OPERATIONS_ERROR", "the server could not carry out the operation in this state"),
  row(0x00002028, "ERROR_DS_STRONG_AUTH_REQUIRED", "the connection is not protected well enough", strongAuth),
  row(0x0000202b, "ERROR_DS_REFERRAL", "another server holds the object"),
  row(0x0000202f, "ERROR_DS_CONSTRAINT_VIOLATION", "the value breaks a constraint"),
  row(0x00002030, "ERROR_DS_NO_SUCH_OBJECT", "the object does not exist"),
  row(0x00002035, "ERROR_DS_UNWILLING_TO_PERFORM", "the server refuses the operation"),
  row(0x00002071, "ERROR_DS_OBJ_STRING_NAME_EXISTS", "an object of this name already exists"),
  row(0x00002077, "ERROR_DS_ILLEGAL_MOD_OPERATION", "the attribute may not be changed this way"),
  row(0x00002081, "ERROR_DS_SINGLE_VALUE_CONSTRAINT", "the attribute holds only one value"),
  row(0x00002082, "ERROR_DS_RANGE_CONSTRAINT", "the value is out of the attribute's range"),
  row(0x00002083, "ERROR_DS_ATT_VAL_ALREADY_EXISTS", "the value is already there"),
  row(0x00002084, "ERROR_DS_CANT_REM_MISSING_ATT", "the attribute to delete is not there"),
  row(
    0x00002085,
    "ERROR_DS_CANT_REM_MISSING_ATT_VAL",
    "the value to delete is not there",
    "Somebody may have changed the object meanwhile: read it again.",
  ),
  row(0x0000208d, "ERROR_DS_OBJ_NOT_FOUND", "the object does not exist, or may not be seen"),
  row(
    0x00002098,
    "ERROR_DS_INSUFF_ACCESS_RIGHTS",
    "the account lacks the right on this object or attribute",
    "Use an account that has the right, or have it delegated.",
  ),
  row(
    0x000021c7,
    "ERROR_DS_SPN_VALUE_NOT_UNIQUE_IN_FOREST",
    "another account has this service principal name",
    "Find its holder and remove the name there first.",
  ),
  row(0x000021c8, "ERROR_DS_UPN_VALUE_NOT_UNIQUE_IN_FOREST", "another account has this user principal name"),
  row(0x80090308, "SEC_E_INVALID_TOKEN", "the authentication was rejected"),
  row(0x8009030c, "SEC_E_LOGON_DENIED", "the authentication was rejected"),
  row(
    0x80090346,
    "SEC_E_BAD_BINDINGS",
    "the server demands a channel binding that fits its TLS certificate",
    "Check that nothing between client and server ends the TLS connection.",
  ),
]);

const wait = "Wait for the lockout to end, or have the account unlocked.";

/** The `data` word of a rejected bind. Numbers: MS-ERREF section 2.2. */
const bindData = new Map<number, WindowsCode>([
  row(0x525, "ERROR_NO_SUCH_USER", "there is no such account", "Check the name; use the form user@domain."),
  row(
    0x52e,
    "ERROR_LOGON_FAILURE",
    "name or password is wrong",
    "Check the password and the form of the name (user@domain, DOMAIN\\user or a DN).",
  ),
  row(
    0x52f,
    "ERROR_ACCOUNT_RESTRICTION",
    "an account restriction forbids this logon",
    "Members of Protected Users must use Kerberos (SASL) instead of a simple bind.",
  ),
  row(0x530, "ERROR_INVALID_LOGON_HOURS", "the account may not log on at this time"),
  row(0x531, "ERROR_INVALID_WORKSTATION", "the account may not log on from this computer"),
  row(0x532, "ERROR_PASSWORD_EXPIRED", "the password has expired", "Change the password."),
  row(0x533, "ERROR_ACCOUNT_DISABLED", "the account is disabled", "Have the account enabled."),
  row(0x569, "ERROR_LOGON_TYPE_NOT_GRANTED", "the account lacks the right to log on to this server"),
  row(0x701, "ERROR_ACCOUNT_EXPIRED", "the account has expired", "Have its expiry date changed."),
  row(
    0x773,
    "ERROR_PASSWORD_MUST_CHANGE",
    "the password must be changed before the first logon",
    "Change the password.",
  ),
  row(0x775, "ERROR_ACCOUNT_LOCKED_OUT", "the account is locked out", wait),
  row(
    0x80090346,
    "SEC_E_BAD_BINDINGS",
    "the server demands a channel binding that fits its TLS certificate",
    "Check that nothing between client and server ends the TLS connection.",
  ),
]);

/** What AD's diagnostic text says beyond the result code. */
export interface WindowsDiagnostic {
  /** The code in front: Win32 or SSPI. */
  readonly code: number;
  /** The `data` word, for a rejected bind the reason. */
  readonly data: number | undefined;
  /** The row that explains most: the bind's reason, else the code in front; `undefined` for unknown numbers. */
  readonly known: WindowsCode | undefined;
}

/** Reads `00002098: SecErr: DSID-…, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0`; `undefined` for text of another form. */
export function parseWindowsDiagnostic(text: string): WindowsDiagnostic | undefined {
  const front = /^([0-9a-f]{8}): /i.exec(text)?.[1];
  if (front === undefined) return undefined;
  const code = Number.parseInt(front, 16);
  const word = /\bdata ([0-9a-f]{1,8})\b/i.exec(text)?.[1];
  const data = word === undefined ? undefined : Number.parseInt(word, 16);
  const reason = /AcceptSecurityContext/i.test(text) && data !== undefined ? bindData.get(data) : undefined;
  return { code, data, known: reason ?? problems.get(code) };
}
