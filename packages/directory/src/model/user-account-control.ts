/** Bits of userAccountControl: MS-ADTS section 2.2.16. */
export const UserAccountControl = {
  accountDisable: 0x2,
  homeDirectoryRequired: 0x8,
  lockout: 0x10,
  passwordNotRequired: 0x20,
  passwordCannotChange: 0x40,
  encryptedTextPasswordAllowed: 0x80,
  tempDuplicateAccount: 0x100,
  normalAccount: 0x200,
  interdomainTrustAccount: 0x800,
  workstationTrustAccount: 0x1000,
  serverTrustAccount: 0x2000,
  dontExpirePassword: 0x10000,
  mnsLogonAccount: 0x20000,
  smartcardRequired: 0x40000,
  trustedForDelegation: 0x80000,
  notDelegated: 0x100000,
  useDesKeyOnly: 0x200000,
  dontRequirePreauth: 0x400000,
  passwordExpired: 0x800000,
  trustedToAuthForDelegation: 0x1000000,
  noAuthDataRequired: 0x2000000,
  partialSecretsAccount: 0x4000000,
} as const;

export type UserAccountControlFlag = keyof typeof UserAccountControl;

/** The names administrators know from Microsoft's documents (`NOT_DELEGATED`), for messages. */
export const userAccountControlLabels: Readonly<Record<UserAccountControlFlag, string>> = {
  accountDisable: "ACCOUNTDISABLE",
  homeDirectoryRequired: "HOMEDIR_REQUIRED",
  lockout: "LOCKOUT",
  passwordNotRequired: "PASSWD_NOTREQD",
  passwordCannotChange: "PASSWD_CANT_CHANGE",
  encryptedTextPasswordAllowed: "ENCRYPTED_TEXT_PWD_ALLOWED",
  tempDuplicateAccount: "TEMP_DUPLICATE_ACCOUNT",
  normalAccount: "NORMAL_ACCOUNT",
  interdomainTrustAccount: "INTERDOMAIN_TRUST_ACCOUNT",
  workstationTrustAccount: "WORKSTATION_TRUST_ACCOUNT",
  serverTrustAccount: "SERVER_TRUST_ACCOUNT",
  dontExpirePassword: "DONT_EXPIRE_PASSWORD",
  mnsLogonAccount: "MNS_LOGON_ACCOUNT",
  smartcardRequired: "SMARTCARD_REQUIRED",
  trustedForDelegation: "TRUSTED_FOR_DELEGATION",
  notDelegated: "NOT_DELEGATED",
  useDesKeyOnly: "USE_DES_KEY_ONLY",
  dontRequirePreauth: "DONT_REQ_PREAUTH",
  passwordExpired: "PASSWORD_EXPIRED",
  trustedToAuthForDelegation: "TRUSTED_TO_AUTH_FOR_DELEGATION",
  noAuthDataRequired: "NO_AUTH_DATA_REQUIRED",
  partialSecretsAccount: "PARTIAL_SECRETS_ACCOUNT",
};

export function hasFlag(userAccountControl: number, flag: UserAccountControlFlag): boolean {
  return (userAccountControl & UserAccountControl[flag]) !== 0;
}
