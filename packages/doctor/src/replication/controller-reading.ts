import { fromUtf8 } from "@waybill/base";
import type { Account } from "@waybill/directory";
import { formatSid } from "@waybill/kerberos";
import type { LdapClient, LdapEntry } from "@waybill/ldap";
import { type ClockReading, clockReading } from "./kdc-clock.ts";
import { type AttributeStamp, readReplicationMetadata } from "./replication-metadata.ts";

/** Attributes that decide about delegation and sign-in, and are the same on all controllers once they replicated. */
export const replicatedAttributes = [
  "userAccountControl",
  "msDS-AllowedToDelegateTo",
  "msDS-AllowedToActOnBehalfOfOtherIdentity",
  "servicePrincipalName",
  "msDS-SupportedEncryptionTypes",
  "accountExpires",
  "pwdLastSet",
  "memberOf",
] as const;

/** One account as one controller has it. */
export interface AccountReading {
  readonly dn: string;
  /** By attribute in lower case; absent ones are not in it. */
  readonly values: ReadonlyMap<string, readonly Uint8Array[]>;
  readonly stamps: ReadonlyMap<string, AttributeStamp>;
  /** As the controller writes it. */
  readonly whenChanged: string | undefined;
  readonly usnChanged: string | undefined;
}

/** What one controller says. */
export interface ControllerReading {
  /** Its DNS name, or what it was called by. */
  readonly name: string;
  readonly server: string;
  readonly invocation?: string | undefined;
  readonly clock?: ClockReading | undefined;
  /** By SID; an account that it does not have is not in it. */
  readonly accounts: ReadonlyMap<string, AccountReading>;
  /** Why it could not be read. */
  readonly failure?: string | undefined;
}

/** SIDs in one filter; servers limit how long one may be. */
const chunk = 100;

/**
 * Reads clock and deciding attributes of some accounts from one controller.
 *
 * @throws LdapError, LdapConnectionError
 */
export async function readController(
  ldap: LdapClient,
  name: string,
  accounts: readonly Account[],
  signal?: AbortSignal,
): Promise<ControllerReading> {
  const asked = Date.now();
  const root = await ldap.rootDse(["currentTime", "dnsHostName", "defaultNamingContext"], { signal });
  const told = parseGeneralizedTime(root.text("currentTime"));
  const clock = told === undefined ? undefined : clockReading(told, asked, Date.now(), 1000);
  const base = root.text("defaultNamingContext") ?? "";
  const found = new Map<string, AccountReading>();
  for (let at = 0; at < accounts.length; at += chunk) {
    const wanted = accounts.slice(at, at + chunk);
    const entries = ldap.search({
      base,
      filter: `(|${wanted.map(({ sid }) => `(objectSid=${sid})`).join("")})`,
      attributes: [...replicatedAttributes, "objectSid", "whenChanged", "uSNChanged", "replPropertyMetaData"],
      signal,
    });
    for await (const entry of entries) {
      const sid = entry.value("objectSid");
      if (sid !== undefined) found.set(formatSid(sid), accountReading(entry));
    }
  }
  return { name: root.text("dnsHostName") ?? name, server: ldap.server, clock, accounts: found };
}

function accountReading(entry: LdapEntry): AccountReading {
  const values = new Map<string, readonly Uint8Array[]>();
  for (const attribute of replicatedAttributes) {
    const read = entry.values(attribute);
    if (read.length > 0) values.set(attribute.toLowerCase(), read);
  }
  return {
    dn: entry.dn,
    values,
    stamps: readReplicationMetadata(entry.value("replPropertyMetaData")),
    whenChanged: entry.text("whenChanged"),
    usnChanged: entry.text("uSNChanged"),
  };
}

/** `20261122165907.0Z`; `undefined` for anything else. */
export function parseGeneralizedTime(text: string | undefined): number | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:[.,]\d+)?Z$/.exec(text ?? "");
  if (parts === null) return undefined;
  const [year = 0, month = 0, ...rest] = parts.slice(1).map(Number);
  const [day = 0, hour = 0, minute = 0, second = 0] = rest;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** Values in an order and spelling of their own, so that they compare. */
export function comparable(attribute: string, values: readonly Uint8Array[]): string {
  const isText = attribute !== "msds-allowedtoactonbehalfofotheridentity";
  return values
    .map((value) => (isText ? fromUtf8(value).toLowerCase() : Buffer.from(value).toString("hex")))
    .sort()
    .join("\n");
}
