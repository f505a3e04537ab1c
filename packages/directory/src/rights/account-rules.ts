import { DirectoryError } from "../errors.ts";
import { parseSpn } from "../model/spn.ts";
import { UserAccountControl } from "../model/user-account-control.ts";
import type { DirectoryReader } from "../reader/directory-reader.ts";
import { firstInteger, firstText, type StoredObject, texts } from "../store/stored-object.ts";
import { holdsPrivilege, type Requester } from "./requester.ts";

const delegationBits =
  UserAccountControl.trustedForDelegation | UserAccountControl.trustedToAuthForDelegation;

/**
 * The two ways of classic delegation need SeEnableDelegationPrivilege, whatever rights one has on the object:
 * MS-SAMR section 3.1.1.8.10, MS-ADTS section 3.1.1.5.3.3.
 *
 * @throws DirectoryError PRIVILEGE_NOT_HELD
 */
export function checkDelegationChange(
  reader: DirectoryReader,
  requester: Requester,
  before: StoredObject | undefined,
  after: StoredObject,
): void {
  const bits = (object: StoredObject | undefined): number =>
    ((object === undefined ? undefined : firstInteger(object, "useraccountcontrol")) ?? 0) & delegationBits;
  const list = (object: StoredObject | undefined): string =>
    object === undefined ? "" : texts(object, "msds-allowedtodelegateto").sort().join("\n");
  const attribute =
    (bits(after) & ~bits(before)) !== 0
      ? "the delegation bits of userAccountControl"
      : list(before) !== list(after)
        ? "msDS-AllowedToDelegateTo"
        : undefined;
  if (attribute === undefined || holdsPrivilege(reader, requester, "SeEnableDelegationPrivilege")) return;
  const who = requester.account.samAccountName;
  throw new DirectoryError(`${who} may not change ${attribute} without SeEnableDelegationPrivilege`, {
    code: "PRIVILEGE_NOT_HELD",
    family: "caller",
    facts: { requester: who, privilege: "SeEnableDelegationPrivilege" },
    remedy:
      "Have a domain administrator make the change or grant the right; resource-based delegation on the target needs no such right.",
  });
}

/**
 * A validated write of servicePrincipalName: a computer registers names of its own host only, MS-ADTS section
 * 3.1.1.5.3.1.1.4.
 *
 * @throws DirectoryError SPN_NOT_OWN_NAME
 */
export function checkOwnSpns(reader: DirectoryReader, object: StoredObject, added: readonly string[]): void {
  const sam = firstText(object, "samaccountname")?.replace(/\$$/, "").toLowerCase() ?? "";
  const host = firstText(object, "dnshostname")?.toLowerCase();
  const additional = texts(object, "msds-additionaldnshostname").map((name) => name.toLowerCase());
  const allowed = new Set([sam, ...(host === undefined ? [] : [host]), ...additional]);
  for (const spn of added) {
    const parsed = parseSpn(spn);
    const name = parsed?.host.replace(/:.*$/, "").toLowerCase();
    if (
      name !== undefined &&
      allowed.has(name) &&
      (parsed?.serviceName === undefined || isOwnDomain(reader, parsed.serviceName))
    ) {
      continue;
    }
    throw new DirectoryError(`"${spn.slice(0, 120)}" does not name ${host ?? sam}`, {
      code: "SPN_NOT_OWN_NAME",
      family: "caller",
      facts: { spn, dnsHostName: host ?? "", samAccountName: sam },
      remedy:
        "A computer may register service names of its own host only; let an administrator register others.",
    });
  }
}

/** A validated write of dNSHostName: the account's name in the domain. @throws DirectoryError BAD_VALUE */
export function checkOwnHostName(reader: DirectoryReader, object: StoredObject, hostName: string): void {
  const sam = firstText(object, "samaccountname")?.replace(/\$$/, "").toLowerCase() ?? "";
  if (hostName.toLowerCase() === `${sam}.${reader.domain.dnsName}`) return;
  throw new DirectoryError(
    `"${hostName.slice(0, 120)}" is not the name of ${sam} in ${reader.domain.dnsName}`,
    {
      code: "BAD_VALUE",
      family: "caller",
      facts: { hostName, expected: `${sam}.${reader.domain.dnsName}` },
    },
  );
}

function isOwnDomain(reader: DirectoryReader, name: string): boolean {
  const { dnsName, netbiosName } = reader.domain;
  return name.toLowerCase() === dnsName || name.toLowerCase() === netbiosName.toLowerCase();
}
