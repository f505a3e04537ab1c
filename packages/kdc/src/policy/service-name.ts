import type { DirectoryView, SpnOwners } from "@waybill/directory";
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
  return view.spnOwners(profile.escapedServiceNames ? escapeServiceName(spn) : spn);
}
