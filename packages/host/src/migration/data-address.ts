import { BlockList, isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import { HostError, Hresult } from "../errors.ts";

/**
 * The address of this host that memory and disks travel to: the first of its addresses in the first of the
 * migration networks that has one. Without such networks it is the one the source has reached already.
 *
 * @param networks in order of preference, as `address/prefix`.
 * @param reached the local address of the source's connection.
 * @throws HostError `NO_MIGRATION_NETWORK`
 */
export function dataAddress(
  networks: readonly string[],
  reached: string,
  own: readonly string[] = ownAddresses(),
): string {
  if (networks.length === 0) return plain(reached);
  for (const network of networks) {
    const [subnet = "", prefix = ""] = network.split("/");
    const family = isIPv6(subnet) ? "ipv6" : "ipv4";
    const list = new BlockList();
    list.addSubnet(subnet, Number(prefix), family);
    // The address in use already is as good as any other of the same network.
    const found = [plain(reached), ...own].find(
      (address) => isIPv6(address) === (family === "ipv6") && list.check(address, family),
    );
    if (found !== undefined) return found;
  }
  throw new HostError(`this host has no address in any of its migration networks (${networks.join(", ")})`, {
    code: "NO_MIGRATION_NETWORK",
    family: "environment",
    hresult: Hresult.failed,
    remedy: "Correct the migration networks in the host's settings, or give the host an address in one.",
  });
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((entries) =>
    (entries ?? []).map(({ address }) => address),
  );
}

/** IPv4 addresses come as `::ffff:192.0.2.1` from a socket that serves both families. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, "");
}
