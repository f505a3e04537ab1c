import type { SambaAttributes, SambaOperation } from "./samba-domain.ts";

/** Bits of userAccountControl: MS-ADTS section 2.2.16. */
export const AccountFlags = {
  disabled: 0x2,
  normal: 0x200,
  workstation: 0x1000,
  passwordNeverExpires: 0x10000,
  trustedForDelegation: 0x80000,
  notDelegated: 0x100000,
  dontRequirePreauth: 0x400000,
  trustedToAuthForDelegation: 0x1000000,
  noAuthDataRequired: 0x2000000,
} as const;

export interface SambaUser {
  readonly name: string;
  /** Default: `Passw0rd.<name>` */
  readonly password?: string;
  /** `AccountFlags` beside `normal`. */
  readonly flags?: number;
  readonly attributes?: SambaAttributes;
}

export function sambaUser(domain: string, user: SambaUser): SambaOperation[] {
  const { name, flags = AccountFlags.passwordNeverExpires } = user;
  return [
    {
      op: "add",
      dn: `CN=${name},CN=Users`,
      attributes: {
        objectClass: "user",
        sAMAccountName: name,
        userPrincipalName: `${name}@${domain}`,
        userAccountControl: String(AccountFlags.normal | flags),
        unicodePwd: quotedPassword(user.password ?? `Passw0rd.${name}`),
        ...user.attributes,
      },
    },
  ];
}

export interface SambaComputer {
  /** Without `$`. */
  readonly name: string;
  /** Default: `Machine.Pw.<name>` */
  readonly password?: string;
  readonly flags?: number;
  /** Service classes, each registered for the short and the full host name. */
  readonly services?: readonly string[];
  readonly delegateTo?: readonly string[];
  readonly attributes?: SambaAttributes;
}

/** The service class of Hyper-V's live migration. */
export const migrationService = "Microsoft Virtual System Migration Service";

export function sambaComputer(domain: string, computer: SambaComputer): SambaOperation[] {
  const { name, services = ["host", "cifs", "WSMAN", migrationService], delegateTo = [] } = computer;
  const host = `${name.toLowerCase()}.${domain}`;
  const spns = services.flatMap((service) =>
    [host, name].flatMap((target) => spellings(`${service}/${target}`)),
  );
  return [
    {
      op: "add",
      dn: `CN=${name},CN=Computers`,
      attributes: {
        objectClass: "computer",
        sAMAccountName: `${name}$`,
        dNSHostName: host,
        userAccountControl: String(AccountFlags.workstation | (computer.flags ?? 0)),
        unicodePwd: quotedPassword(computer.password ?? `Machine.Pw.${name}`),
        "msDS-SupportedEncryptionTypes": "24",
        servicePrincipalName: spns,
        ...(delegateTo.length > 0 && { "msDS-AllowedToDelegateTo": delegateTo.flatMap(spellings) }),
        ...computer.attributes,
      },
    },
  ];
}

/** Samba's KDC looks a name with spaces up in an escaped spelling: both must be there. */
function spellings(spn: string): string[] {
  return spn.includes(" ") ? [spn, spn.replaceAll(" ", "\\ ")] : [spn];
}

export function quotedPassword(password: string): { base64: string } {
  return { base64: Buffer.from(`"${password}"`, "utf16le").toString("base64") };
}
