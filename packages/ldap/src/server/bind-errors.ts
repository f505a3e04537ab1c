import { LdapError } from "../errors.ts";

/** Why AD rejects a bind, as the `data` word of its text (MS-ERREF section 2.2). */
export const BindRefusal = {
  noSuchUser: 0x525,
  wrongPassword: 0x52e,
  accountRestriction: 0x52f,
  logonHours: 0x530,
  workstation: 0x531,
  passwordExpired: 0x532,
  accountDisabled: 0x533,
  accountExpired: 0x701,
  mustChangePassword: 0x773,
  lockedOut: 0x775,
  badChannelBinding: 0x80090346,
} as const;

export type BindRefusalName = keyof typeof BindRefusal;

/**
 * `invalidCredentials` with AD's text. For a name that does not exist AD, too, says `wrongPassword`, so that nobody can
 * find out which names do.
 */
export function invalidCredentials(reason: BindRefusalName, cause?: unknown): LdapError {
  const data = BindRefusal[reason].toString(16);
  const front = reason === "badChannelBinding" ? "80090346" : "80090308";
  return new LdapError({
    resultCode: "invalidCredentials",
    diagnosticMessage: `${front}: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data ${data}, v4f7c`,
    cause,
  });
}

/** What AD says to a password on an open connection. */
export function strongerAuthRequired(): LdapError {
  return new LdapError({
    resultCode: "strongerAuthRequired",
    diagnosticMessage:
      "00002028: LdapErr: DSID-0C090276, comment: The server requires binds to turn on integrity checking if SSL\\TLS are not already active on the connection, data 0, v4f7c",
  });
}

/** What AD says to an anonymous client that asks for more than the root DSE. */
export function bindRequired(): LdapError {
  return new LdapError({
    resultCode: "operationsError",
    diagnosticMessage:
      "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful bind must be completed on the connection., data 0, v4f7c",
  });
}
