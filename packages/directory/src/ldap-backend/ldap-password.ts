import { LdapError } from "@waybill/ldap";

/**
 * The password inside a value of unicodePwd: UTF-16LE in double quotes, MS-ADTS section 3.1.1.3.1.5.1.
 *
 * @throws LdapError unwillingToPerform
 */
export function decodeUnicodePwd(value: Uint8Array): string {
  const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("utf16le");
  if (value.length % 2 !== 0 || text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) {
    throw new LdapError({
      resultCode: "unwillingToPerform",
      diagnosticMessage:
        "0000001F: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0: unicodePwd must be UTF-16LE in double quotes",
    });
  }
  return text.slice(1, -1);
}

/** A password as a value of unicodePwd. */
export function encodeUnicodePwd(password: string): Uint8Array {
  return new Uint8Array(Buffer.from(`"${password}"`, "utf16le"));
}
