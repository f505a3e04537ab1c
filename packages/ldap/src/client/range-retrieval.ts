import { type LdapAttribute, LdapEntry } from "../entry.ts";
import type { SearchOptions } from "./client-options.ts";
import type { LdapClient } from "./ldap-client.ts";

const cutShort = /^(.*);range=\d+-(\d+)$/i;

/**
 * AD sends at most some 1500 values of an attribute at once and says so in its name: `member;range=0-1499`
 * (MS-ADTS 3.1.1.3.1.3.3). This fetches the rest and returns the entry with whole attributes under their plain names.
 */
export async function completeRanges(
  client: LdapClient,
  entry: LdapEntry,
  options: SearchOptions,
): Promise<LdapEntry> {
  if (!entry.attributes.some(({ type }) => cutShort.test(type))) return entry;
  // Whoever asks for a range gets that.
  if (options.attributes?.some((name) => /;range=/i.test(name)) === true) return entry;
  const attributes: LdapAttribute[] = [];
  for (const attribute of entry.attributes) {
    const [, name, high] = cutShort.exec(attribute.type) ?? [];
    // An empty attribute of the plain name comes along with the ranged one.
    if (attribute.values.length === 0) continue;
    if (name === undefined || high === undefined) attributes.push(attribute);
    else
      attributes.push({
        type: name,
        values: await allValues(client, entry.dn, name, high, attribute, options),
      });
  }
  return new LdapEntry(entry.dn, attributes);
}

async function allValues(
  client: LdapClient,
  dn: string,
  name: string,
  firstHigh: string,
  first: LdapAttribute,
  options: SearchOptions,
): Promise<Uint8Array[]> {
  const values = [...first.values];
  let high = Number(firstHigh);
  for (;;) {
    const wanted = `${name};range=${high + 1}-*`;
    const { timeout, signal } = options;
    const entry = await client.read(dn, { attributes: [wanted], timeout, signal, ...dnForm(options) });
    const part = entry?.attributes.find(({ type }) =>
      type.toLowerCase().startsWith(`${name.toLowerCase()};range=`),
    );
    if (part === undefined) return values;
    values.push(...part.values);
    const next = cutShort.exec(part.type)?.[2];
    if (next === undefined || Number(next) <= high) return values;
    high = Number(next);
  }
}

function dnForm({
  extendedDn,
  showDeleted,
}: SearchOptions): Pick<SearchOptions, "extendedDn" | "showDeleted"> {
  return { extendedDn, showDeleted };
}
