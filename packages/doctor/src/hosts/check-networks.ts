import { BlockList, isIP } from "node:net";
import { enumerate } from "../findings/examination.ts";
import type { Finding } from "../findings/finding.ts";
import { shortNameOf } from "../model/service-names.ts";
import { psQuote } from "../repair/commands.ts";
import { advice } from "../repair/remedy.ts";
import { fact, hostFinding } from "./host-finding.ts";
import type { HostNetwork, HostReading } from "./host-reading.ts";

/** Hosts that listen in networks which no other host has any of. */
export function networksApart(readings: readonly HostReading[]): Finding[] {
  const limited = readings.filter(({ networks = [] }) => networks.length > 0);
  return limited.flatMap((reading) => {
    const others = limited.filter((other) => other !== reading);
    if (others.length === 0 || others.some((other) => shareNetwork(reading, other))) return [];
    const own = networkWords(reading);
    return [
      hostFinding(reading, "host-networks-apart", {
        cause: `${reading.name} takes migrations in ${own} only, where none of the other hosts is: ${enumerate(others.map((other) => `${other.name} in ${networkWords(other)}`))}.`,
        evidence: [
          fact(reading, "Msvm_VirtualSystemMigrationNetworkSettingData", own),
          ...others.slice(0, 10).map((other) => ({
            ...fact(other, "Msvm_VirtualSystemMigrationNetworkSettingData", networkWords(other)),
            readFrom: `${other.management.address}:${other.management.port}`,
          })),
        ],
        effect: `Nothing can be moved to ${reading.name}, or from it to the others, unless the networks are routed to each other.`,
        remedies: [
          advice("Give the hosts a network in common.", {
            powershell: [
              `Get-VMMigrationNetwork -ComputerName ${psQuote(shortNameOf(reading.account))}`,
              `Add-VMMigrationNetwork -Subnet 192.0.2.0/24 -ComputerName ${psQuote(shortNameOf(reading.account))}`,
            ],
          }),
        ],
      }),
    ];
  });
}

/** A network with a longer prefix lies in one with a shorter, or they have nothing in common. */
function shareNetwork(left: HostReading, right: HostReading): boolean {
  const within = (inner: readonly HostNetwork[], outer: readonly HostNetwork[]): boolean => {
    const list = new BlockList();
    for (const { subnet, prefixLength } of outer) {
      // Whatever a host says is said by a host.
      const longest = isIP(subnet) === 6 ? 128 : isIP(subnet) === 4 ? 32 : -1;
      if (prefixLength >= 0 && prefixLength <= longest)
        list.addSubnet(subnet, prefixLength, familyOf(subnet));
    }
    return inner.some(({ subnet }) => isIP(subnet) !== 0 && list.check(subnet, familyOf(subnet)));
  };
  const [a = [], b = []] = [left.networks, right.networks];
  return within(a, b) || within(b, a);
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4";
}

function networkWords({ networks = [] }: HostReading): string {
  return networks.map(({ subnet, prefixLength }) => `${subnet}/${prefixLength}`).join(", ");
}
