import { entryFromObject } from "../ldap-backend/entry-from-object.ts";
import type { DirectoryReader } from "../reader/directory-reader.ts";
import { type WritableLdifRecord, writeLdif } from "./write-ldif.ts";

const wanted: ReadonlySet<string> = new Set(["*"]);

/** The whole directory as LDIF, parents before children, without keys and passwords. */
export function exportLdif(reader: DirectoryReader): Iterable<string> {
  return writeLdif(entries(reader));
}

function* entries(reader: DirectoryReader): Iterable<WritableLdifRecord> {
  const queue = Array.from(reader.store.children(0));
  // Grows while it is walked.
  for (const id of queue) {
    const object = reader.store.object(id);
    if (object === undefined) continue;
    const { dn, attributes } = entryFromObject(reader, object, { wanted, sdFlags: 0, now: 0 });
    // memberOf says what member says, from the other end.
    const kept = attributes.filter(({ type }) => type !== "memberOf" && type !== "distinguishedName");
    yield { kind: "entry", dn, attributes: kept };
    for (const child of reader.store.children(id)) queue.push(child);
  }
}
