import { DirectoryError } from "../errors.ts";
import type { DomainSettings } from "../reader/domain-from-store.ts";
import { decodeSid, domainOf } from "../security/sid.ts";
import type { AttributeValue } from "../store/stored-object.ts";
import type { LoadOptions } from "./directory-builder.ts";
import type { NameTree } from "./name-tree.ts";

export type Attributes = ReadonlyMap<string, readonly AttributeValue[]>;

/** An entry of the source, with its name as the source spells it. */
export interface Entry {
  readonly dn: string;
  readonly attributes: Attributes;
}

/** Entries by the number of their names. */
type Entries = readonly (Entry | undefined)[];

/** Which domain the entries are of: the one that was asked for, or the one they tell. @throws DirectoryError NO_DOMAIN */
export function settingsOf(entries: Entries, names: NameTree, options: LoadOptions): DomainSettings {
  const dnsName = options.dnsName?.toLowerCase() ?? guessDomain(entries, names);
  const dn = dnOfDomain(dnsName).toLowerCase();
  const crossRef = firstOf(entries, (attributes) => {
    const [context] = attributes.get("ncname") ?? [];
    return typeof context === "string" && context.toLowerCase() === dn && attributes.has("netbiosname");
  });
  const [known] = crossRef?.get("netbiosname") ?? [];
  const fallback = (dnsName.split(".")[0] ?? dnsName).toUpperCase();
  return {
    dnsName,
    netbiosName: options.netbiosName ?? (typeof known === "string" ? known : fallback),
  };
}

/** `DC=lab,DC=test` for `lab.test`. */
export function dnOfDomain(dnsName: string): string {
  return dnsName
    .split(".")
    .map((label) => `DC=${label}`)
    .join(",");
}

/** The SID of the domain, as the SID of any of its accounts tells it. */
export function domainSidIn(entries: Entries): string | undefined {
  const account = firstOf(
    entries,
    (attributes) => attributes.has("samaccountname") && domainSidOf(attributes) !== undefined,
  );
  return account === undefined ? undefined : domainSidOf(account);
}

/** The domain most entries lie in, or the one whose head is among them. */
function guessDomain(entries: Entries, names: NameTree): string {
  const counts = new Map<string, number>();
  for (const [number, entry] of entries.entries()) {
    if (entry === undefined) continue;
    const name = names.domainOf(number);
    if (name === "") continue;
    const classes = entry.attributes.get("objectclass") ?? [];
    const isHead =
      entry.attributes.has("objectsid") &&
      classes.some((value) => typeof value === "string" && /^domain(dns)?$/i.test(value));
    counts.set(name, (counts.get(name) ?? 0) + (isHead ? 1e9 : 1));
  }
  const [best] = [...counts].sort((left, right) => right[1] - left[1]);
  if (best !== undefined) return best[0];
  throw new DirectoryError("nothing in the source belongs to a domain", {
    code: "NO_DOMAIN",
    family: "caller",
    remedy: "Export at least the accounts, with their full distinguished names.",
  });
}

function firstOf(entries: Entries, test: (attributes: Attributes) => boolean): Attributes | undefined {
  return entries.find((entry) => entry !== undefined && test(entry.attributes))?.attributes;
}

function domainSidOf(attributes: Attributes): string | undefined {
  const [sid] = attributes.get("objectsid") ?? [];
  if (!(sid instanceof Uint8Array)) return undefined;
  const text = decodeSid(sid);
  return text.startsWith("S-1-5-21-") ? domainOf(text) : undefined;
}
