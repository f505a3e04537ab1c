/** Object identifiers of GSS-API mechanisms. */
export const MechanismOid = {
  krb5: "1.2.840.113554.1.2.2",
  /** Kerberos as Windows 2000 wrote it, one bit off; Windows still offers and chooses it. */
  microsoftKrb5: "1.2.840.48018.1.2.2",
  userToUser: "1.2.840.113554.1.2.2.3",
  spnego: "1.3.6.1.5.5.2",
  negoEx: "1.3.6.1.4.1.311.2.2.30",
  ntlm: "1.3.6.1.4.1.311.2.2.10",
} as const;

/** Whether a mechanism is Kerberos, in either spelling. */
export function isKrb5(oid: string): boolean {
  return oid === MechanismOid.krb5 || oid === MechanismOid.microsoftKrb5;
}
