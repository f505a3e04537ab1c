import { randomBytes } from "node:crypto";
import { runToEnd } from "../../packages/cli/test/support/waybill.ts";
import { mustWork, type Part } from "./site.ts";

/**
 * Three network namespaces on one Ethernet: each host in one of its own, with a bridge and a tap device for its
 * guest; the third has the switch, the domain controller, the workstation and whoever talks to the guest. Takes root.
 */
export class Namespaces {
  readonly #tag = randomBytes(2).toString("hex");
  readonly addresses = { dc: "10.91.0.1", kvm01: "10.91.0.11", kvm02: "10.91.0.12" } as const;
  readonly guest = "10.91.0.21";
  /** What the guests' tap device is called on both hosts. */
  readonly tap = "vm0";

  static async create(): Promise<Namespaces> {
    const made = new Namespaces();
    try {
      await made.#build();
    } catch (error) {
      await made.destroy();
      throw error;
    }
    return made;
  }

  /** What a program of this part is started with. */
  enter(part: Part): readonly string[] {
    return ["ip", "netns", "exec", this.#name(part === "kvm01" || part === "kvm02" ? part : "lan")];
  }

  /** Pulls a host's cable out of the switch, or puts it back. */
  async cable(host: "kvm01" | "kvm02", state: "up" | "down"): Promise<void> {
    await this.#ip("lan", "link", "set", `to-${host}`, state);
  }

  async destroy(): Promise<void> {
    for (const place of ["lan", "kvm01", "kvm02"]) await runToEnd("ip", ["netns", "del", this.#name(place)]);
  }

  #name(place: string): string {
    return `wb-${this.#tag}-${place}`;
  }

  async #build(): Promise<void> {
    for (const place of ["lan", "kvm01", "kvm02"]) {
      mustWork(await runToEnd("ip", ["netns", "add", this.#name(place)]));
      await this.#ip(place, "link", "set", "lo", "up");
      await this.#ip(
        place,
        "link",
        "add",
        "br0",
        "type",
        "bridge",
        "forward_delay",
        "0",
        "mcast_snooping",
        "0",
      );
      await this.#ip(place, "link", "set", "br0", "up");
    }
    await this.#ip("lan", "address", "add", `${this.addresses.dc}/24`, "dev", "br0");
    for (const host of ["kvm01", "kvm02"] as const) {
      const far = ["peer", "name", "eth0", "netns", this.#name(host)];
      await this.#ip("lan", "link", "add", `to-${host}`, "type", "veth", ...far);
      await this.#ip("lan", "link", "set", `to-${host}`, "master", "br0", "up");
      await this.#ip(host, "link", "set", "eth0", "master", "br0", "up");
      await this.#ip(host, "tuntap", "add", "dev", this.tap, "mode", "tap");
      await this.#ip(host, "link", "set", this.tap, "master", "br0", "up");
      await this.#ip(host, "address", "add", `${this.addresses[host]}/24`, "dev", "br0");
    }
  }

  async #ip(place: string, ...args: readonly string[]): Promise<void> {
    mustWork(await runToEnd("ip", ["-n", this.#name(place), ...args]));
  }
}
