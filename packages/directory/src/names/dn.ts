import { formatRdn, normalizeDn, parseDn, type Rdn } from "@waybill/ldap";
import { DirectoryError } from "../errors.ts";

/** A name's parts, leaf first. @throws DirectoryError BAD_NAME */
export function splitDn(dn: string): Rdn[] {
  try {
    return [...parseDn(dn)];
  } catch (cause) {
    throw new DirectoryError(`"${dn.slice(0, 120)}" is no distinguished name`, {
      code: "BAD_NAME",
      family: "caller",
      remedy: "Write it as CN=name,CN=Users,DC=lab,DC=test.",
      cause,
    });
  }
}

/** A form in which equal relative names are equal strings. */
export function rdnKey(rdn: Rdn): string {
  return normalizeDn([rdn]);
}

/** A form in which equal DNs are equal strings. @throws DirectoryError BAD_NAME */
export function dnKey(dn: string): string {
  return isPlainRdn(dn) ? dn.toLowerCase() : normalizeDn(splitDn(dn));
}

/** Whether a relative name is so plain that its key is itself in lower case, as nearly all are. */
export function isPlainRdn(rdn: string): boolean {
  return rdn.length <= 128 && /^[A-Za-z]+=[A-Za-z0-9._$-]+(?: [A-Za-z0-9._$-]+){0,9}$/.test(rdn);
}

/** `CN=Smith\, Bob`: type in upper case, value escaped. */
export function makeRdn(type: string, value: string): string {
  return formatRdn([{ type: type.toUpperCase(), value }]);
}

/** Type and unescaped value of the only attribute of a relative name, as AD has them. @throws BAD_NAME */
export function rdnParts(rdn: string): { type: string; value: string } {
  const [first] = splitDn(rdn);
  const [attribute] = first ?? [];
  if (attribute === undefined)
    throw new DirectoryError("the name is empty", { code: "BAD_NAME", family: "caller" });
  return { type: attribute.type, value: attribute.value };
}
