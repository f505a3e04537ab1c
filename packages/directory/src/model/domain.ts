import { defaultDomainSupportedEncTypes } from "./supported-enc-types.ts";

/** Domain functional levels: msDS-Behavior-Version, MS-ADTS section 6.1.4.3. */
export const FunctionalLevel = {
  windows2000: 0,
  windows2003: 2,
  windows2008: 3,
  windows2008R2: 4,
  windows2012: 5,
  windows2012R2: 6,
  windows2016: 7,
  windows2025: 10,
} as const;

/** What holds for a whole domain. Durations are milliseconds; `undefined` durations mean "no limit". */
export interface Domain {
  /** `LAB.TEST`. */
  readonly realm: string;
  /** `lab.test`. */
  readonly dnsName: string;
  /** `LAB`. */
  readonly netbiosName: string;
  /** `DC=lab,DC=test`. */
  readonly dn: string;
  /** `S-1-5-21-a-b-c`. */
  readonly sid: string;
  readonly functionalLevel: number;
  readonly lockout: LockoutPolicy;
  readonly passwords: PasswordPolicy;
  readonly tickets: TicketPolicy;
  /** The KDC's DefaultDomainSupportedEncTypes, bits of `SupportedEncTypes`. */
  readonly defaultSupportedEncTypes: number;
  /** Further UPN suffixes of the forest. */
  readonly upnSuffixes: readonly string[];
  readonly machineAccountQuota: number;
}

export interface LockoutPolicy {
  /** Wrong passwords until the account is locked; 0: never. */
  readonly threshold: number;
  /** `undefined`: until an administrator unlocks it. */
  readonly duration: number | undefined;
  /** Wrong passwords are forgotten after this long. */
  readonly observationWindow: number;
}

export interface PasswordPolicy {
  readonly maxAge: number | undefined;
  readonly minAge: number;
  readonly minLength: number;
  readonly historyLength: number;
  readonly complexity: boolean;
}

export interface TicketPolicy {
  /** MaxTicketAge: a TGT's life. */
  readonly maxTicketAge: number;
  /** MaxRenewAge: how long a TGT can be renewed. */
  readonly maxRenewAge: number;
  /** MaxServiceAge: a service ticket's life. */
  readonly maxServiceAge: number;
  readonly maxClockSkew: number;
  /** TicketValidateClient: TGS requests check the account again once the TGT is older than 20 minutes. */
  readonly validateClient: boolean;
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** The defaults of a fresh domain in 2026. */
export const domainDefaults = {
  functionalLevel: FunctionalLevel.windows2016,
  lockout: { threshold: 0, duration: 10 * minute, observationWindow: 10 * minute },
  passwords: { maxAge: 42 * day, minAge: day, minLength: 7, historyLength: 24, complexity: true },
  tickets: {
    maxTicketAge: 10 * hour,
    maxRenewAge: 7 * day,
    maxServiceAge: 10 * hour,
    maxClockSkew: 5 * minute,
    validateClient: true,
  },
  defaultSupportedEncTypes: defaultDomainSupportedEncTypes,
  upnSuffixes: [] as readonly string[],
  machineAccountQuota: 10,
} as const satisfies Omit<Domain, "realm" | "dnsName" | "netbiosName" | "dn" | "sid">;

/** `DC=lab,DC=test` for `lab.test`. */
export function domainDn(dnsName: string): string {
  return dnsName
    .split(".")
    .map((label) => `DC=${label}`)
    .join(",");
}
