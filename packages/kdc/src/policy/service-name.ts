import { type Account, type DirectoryView, hostAliasOf, parseSpn, type SpnOwners } from "@waybill/directory";
import { activeDirectory, type KdcProfile } from "./profile.ts";

/** The spelling Heimdal looks names up by: spaces and its own special characters with a backslash before them. */
export function escapeServiceName(spn: string): string {
  return spn.replace(/[ \\@]/g, "\\$&");
}

/** Whether a list has an SPN in the spelling the KDC compares; `plain`: only in one that it does not see. */
export function spellingInList(
  list: readonly string[],
  spn: string,
  profile: KdcProfile = activeDirectory,
): "listed" | "plain" | "absent" {
  const wanted = spn.toLowerCase();
  const has = (name: string): boolean => list.some((entry) => entry.toLowerCase() === name);
  if (!profile.escapedServiceNames) return has(wanted) ? "listed" : "absent";
  const escaped = escapeServiceName(wanted);
  if (has(escaped)) return "listed";
  return has(wanted) ? "plain" : "absent";
}

/** Who a KDC of this make thinks owns a service name. */
export function spnOwnersFor(
  view: DirectoryView,
  spn: string,
  profile: KdcProfile = activeDirectory,
): SpnOwners {
  const owners = view.spnOwners(profile.escapedServiceNames ? escapeServiceName(spn) : spn);
  if (owners.match !== "none" || !profile.hostByComputerName) return owners;
  const computer = namedComputer(view, spn);
  return computer === undefined ? owners : { accounts: [computer], match: "host-alias" };
}

/** The computer whose name begins the host of a HOST name or one it stands for, whatever domain follows. */
function namedComputer(view: DirectoryView, spn: string): Account | undefined {
  const hostName = /^host\//i.test(spn) ? spn : hostAliasOf(spn);
  const name = hostName === undefined ? undefined : parseSpn(hostName)?.host.split(".")[0];
  const account = name === undefined ? undefined : view.bySam(`${name}$`);
  return account?.kind === "computer" ? account : undefined;
}
