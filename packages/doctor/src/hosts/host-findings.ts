import type { DirectoryView } from "@waybill/directory";
import type { KdcProfile } from "@waybill/kdc";
import type { Finding } from "../findings/finding.ts";
import { trusteesOf } from "../repair/attribute-diff.ts";
import { agreement } from "./check-agreement.ts";
import { networksApart } from "./check-networks.ts";
import { reachable } from "./check-reach.ts";
import { settingsFindings } from "./check-settings.ts";
import type { HostReading } from "./host-reading.ts";

/** What hosts that were asked say against themselves, and where they and the directory do not agree. */
export function hostFindings(
  view: DirectoryView,
  profile: KdcProfile,
  readings: readonly HostReading[],
): Finding[] {
  const trustees = new Set<string>();
  if (profile.resourceBasedDelegation) {
    for (const { allowedToActOnBehalfOf } of view.accounts())
      for (const sid of trusteesOf(allowedToActOnBehalfOf)) trustees.add(sid);
  }
  return [
    ...readings.flatMap((reading) => [
      ...reachable(reading),
      ...settingsFindings(reading),
      ...agreement(view, trustees, reading),
    ]),
    ...networksApart(readings),
  ];
}
