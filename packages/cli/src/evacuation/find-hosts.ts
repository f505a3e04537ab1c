import { migrationServiceClass } from "@waybill/directory";
import type { LdapClient, LdapEntry } from "@waybill/ldap";
import { connectDirectory } from "../session/connect-directory.ts";
import { currentLogin } from "../session/login.ts";
import type { Workstation } from "../session/workstation.ts";

/**
 * Full names of the hosts that machines of `source` might go to: those the workstation's file names, and those of the
 * directory that the source may act towards, by its own list or by theirs. Whether they really can is asked of them.
 *
 * @param complain told when the directory does not answer; the workstation's file then has to do.
 */
export async function findHosts(
  source: string,
  workstation: Workstation,
  complain: (reason: string) => void,
): Promise<string[]> {
  const found = new Set(workstation.knownHosts.map((name) => name.toLowerCase()));
  try {
    const ldap = await connectDirectory(await currentLogin(workstation), workstation);
    try {
      for (const host of await reachableFrom(ldap, source)) found.add(host);
    } finally {
      ldap.close();
    }
  } catch (error) {
    complain(error instanceof Error ? error.message : String(error));
  }
  found.delete(source);
  return [...found].toSorted();
}

async function reachableFrom(ldap: LdapClient, source: string): Promise<string[]> {
  const root = await ldap.rootDse(["defaultNamingContext"]);
  const base = root.text("defaultNamingContext") ?? "";
  const attributes = [
    "dNSHostName",
    "servicePrincipalName",
    "msDS-AllowedToDelegateTo",
    "msDS-AllowedToActOnBehalfOfOtherIdentity",
  ];
  const hosts: { readonly entry: LdapEntry; readonly name: string; readonly names: readonly string[] }[] = [];
  for await (const entry of ldap.search({
    base,
    filter: "(&(objectClass=computer)(dNSHostName=*))",
    attributes,
  })) {
    const names = entry.texts("servicePrincipalName").map(plain);
    if (names.some(isMigration))
      hosts.push({ entry, name: (entry.text("dNSHostName") ?? "").toLowerCase(), names });
  }
  const own = hosts.find(({ name }) => name === source)?.entry.texts("msDS-AllowedToDelegateTo") ?? [];
  const allowed = new Set(own.map(plain).filter(isMigration));
  return hosts
    .filter(
      ({ entry, names }) =>
        names.some((name) => allowed.has(name)) || entry.has("msDS-AllowedToActOnBehalfOfOtherIdentity"),
    )
    .map(({ name }) => name);
}

/** Samba's KDC wants spaces with backslashes. */
function plain(name: string): string {
  return name.replaceAll("\\ ", " ").toLowerCase();
}

function isMigration(name: string): boolean {
  return name.startsWith(`${migrationServiceClass.toLowerCase()}/`);
}
