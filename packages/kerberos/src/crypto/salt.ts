/**
 * Salts as Active Directory makes them: MS-KILE section 3.1.1.2. The KDC names the salt in ETYPE-INFO2; these are
 * for keytabs made without asking it. A salt keeps the spelling the name had when the password was set.
 */

/** Of a user: the realm in upper case and the name before the `@`. `LAB.TESTalice`. */
export function userSalt(realm: string, name: string): string {
  return realm.toUpperCase() + name;
}

/** Of a computer account, with or without its `$`: `LAB.TESThostkvm01.lab.test`. */
export function computerSalt(realm: string, accountName: string): string {
  const name = accountName.replace(/\$$/, "").toLowerCase();
  return `${realm.toUpperCase()}host${name}.${realm.toLowerCase()}`;
}

/** RFC 4120 section 4: realm and all components without separators. What MIT and Heimdal KDCs use for everyone. */
export function principalSalt(principal: {
  readonly realm: string;
  readonly components: readonly string[];
}): string {
  return principal.realm + principal.components.join("");
}
