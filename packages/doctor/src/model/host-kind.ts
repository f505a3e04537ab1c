import { type Account, DirectoryReader, type DirectoryView, migrationServiceClass } from "@waybill/directory";
import { viewBefore } from "../repair/view-after.ts";

/** Names only Windows hosts register. */
const windowsClasses: readonly string[] = [
  "microsoft virtual console service",
  "hyper-v replica service",
  "termsrv",
];

export type HostKind = "windows" | "other" | "unknown";

/** What runs on a host, as far as the directory says. */
export function hostKind(view: DirectoryView, host: Account): HostKind {
  const system = operatingSystemOf(view, host);
  if (system !== undefined) return /windows|hyper-v/i.test(system) ? "windows" : "other";
  const classes = host.servicePrincipalNames.map((spn) => spn.slice(0, spn.indexOf("/")).toLowerCase());
  return classes.some((name) => windowsClasses.includes(name)) ? "windows" : "unknown";
}

/**
 * Whether a host has its callers' own tickets at hand when migrations are started from elsewhere: every system but
 * Windows since 2016, whose remote management keeps them out of the migration service's reach.
 */
export function keepsCallersTickets(view: DirectoryView, host: Account): boolean {
  return hostKind(view, host) === "other" || /windows server 2012/i.test(operatingSystemOf(view, host) ?? "");
}

export function operatingSystemOf(view: DirectoryView, host: Account): string | undefined {
  return attributeOf(view, host, "operatingsystem");
}

/** A text attribute that `Account` does not carry, when the view holds whole objects. */
export function attributeOf(view: DirectoryView, account: Account, attribute: string): string | undefined {
  const reader = viewBefore(view);
  if (!(reader instanceof DirectoryReader)) return undefined;
  const id = reader.store.find("objectsid", account.sid)[0];
  const [value] = (id === undefined ? undefined : reader.object(id)?.attributes.get(attribute)) ?? [];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Computers that migrate virtual machines: they registered the migration service, in whatever spelling. */
export function migrationHosts(
  view: DirectoryView,
  accounts: Iterable<Account> = withServiceNames(view),
): Account[] {
  const prefix = `${migrationServiceClass.toLowerCase()}/`;
  const hosts: Account[] = [];
  for (const account of accounts) {
    const registered = account.servicePrincipalNames.some((spn) =>
      spn.replaceAll("\\", "").toLowerCase().startsWith(prefix),
    );
    if (registered) hosts.push(account);
  }
  return hosts.sort((left, right) => (left.samAccountName < right.samAccountName ? -1 : 1));
}

/** Few of a directory's accounts have service names: where there is an index of these, the others are not looked at. */
function* withServiceNames(view: DirectoryView): Iterable<Account> {
  if (!(view instanceof DirectoryReader)) {
    yield* view.accounts();
    return;
  }
  for (const id of new Set(view.store.findByPrefix("serviceprincipalname", "microsoft"))) {
    const account = view.accountOf(id);
    if (account !== undefined) yield account;
  }
}
