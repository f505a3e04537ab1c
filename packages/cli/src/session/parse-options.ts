import { WaybillError } from "@waybill/base";
import {
  defaultEncTypes,
  formatPrincipal,
  type Keytab,
  type Principal,
  parseConfDuration,
  parseEncTypeList,
  parsePrincipal,
} from "@waybill/kerberos";
import { InvalidArgumentError } from "commander";

/** `10h`, `7d`, `600`: milliseconds. */
export function durationOption(text: string): number {
  const milliseconds = parseConfDuration(text);
  if (milliseconds === undefined || milliseconds === 0)
    throw new InvalidArgumentError("Give a duration such as 10h, 7d or 600 (seconds).");
  return milliseconds;
}

/** `aes256-cts,aes128-cts`, `aes`, `rc4`. */
export function encTypesOption(text: string): readonly number[] {
  const { etypes, ignored } = parseEncTypeList(text, defaultEncTypes);
  if (ignored.length > 0)
    throw new InvalidArgumentError(`No encryption type is called ${ignored.join(", ")}.`);
  return etypes;
}

export function wholeNumberOption(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("Give a whole number.");
  return Number(text);
}

/**
 * A keytab's principal by a name as people write it: without realm, in any case. The KDC does not mind the spelling,
 * but the keys are found by it.
 *
 * @throws WaybillError PRINCIPAL_NOT_IN_KEYTAB
 */
export function principalInKeytab(
  keytab: Keytab,
  name: string | undefined,
  file: string,
  defaultRealm: string | undefined,
): Principal {
  const folded = (principal: Principal): string =>
    JSON.stringify([principal.realm, ...principal.components]).toLowerCase();
  const known = keytab.entries.map(({ principal }) => principal);
  if (name === undefined) {
    if (known[0] !== undefined) return known[0];
    throw notThere(file, "any key", known);
  }
  // The keytab's own realm serves machines without krb5.conf.
  const wanted = folded(parsePrincipal(name, { defaultRealm: defaultRealm ?? known[0]?.realm }));
  const found = known.find((principal) => folded(principal) === wanted);
  if (found === undefined) throw notThere(file, `a key of ${name}`, known);
  return found;
}

function notThere(file: string, what: string, known: readonly Principal[]): WaybillError {
  const names = [...new Set(known.map((principal) => formatPrincipal(principal, { display: true })))];
  return new WaybillError(`${file} does not hold ${what}`, {
    code: "PRINCIPAL_NOT_IN_KEYTAB",
    family: "caller",
    facts: { keytab: file, held: names.slice(0, 8).join(", ") },
    ...(names.length === 0 ? {} : { remedy: `It holds keys of ${names.slice(0, 8).join(", ")}.` }),
  });
}
