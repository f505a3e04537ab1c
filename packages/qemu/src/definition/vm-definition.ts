/**
 * A virtual machine as plain data: everything about it that must be the same on every host it moves to.
 * Made by {@link parseVmDefinition} (JSON, YAML) or {@link importLibvirtDomain}; both validate.
 */
export interface VmDefinition {
  /** Letters, digits, `.`, `_`, `-`; at most 63; starts with a letter or digit. */
  readonly name: string;
  /** Lower-case, with dashes. */
  readonly uuid: string;
  readonly memoryMiB: number;
  readonly vcpus: number;
  /** A QEMU machine type: `q35`, `pc`, or a versioned one such as `pc-q35-7.2`. */
  readonly machine: string;
  readonly cpu: CpuDefinition;
  readonly firmware: Firmware;
  /** Boots this kernel directly instead of a disk. */
  readonly boot?: KernelBoot | undefined;
  readonly disks: readonly DiskDefinition[];
  readonly networks: readonly NetworkDefinition[];
  /** A display adapter makes screenshots possible. */
  readonly video: "none" | "std" | "virtio";
  /** A second serial port whose output goes to `report.log`. */
  readonly reportPort: boolean;
}

export interface CpuDefinition {
  /** A model name QEMU knows; `host` needs KVM; `max` is everything the accelerator can do. */
  readonly model: string;
  /** `+name` or `-name`. */
  readonly features: readonly string[];
}

export type Firmware =
  | { readonly kind: "bios" }
  | { readonly kind: "uefi"; readonly code: string; readonly variables: string };

export interface KernelBoot {
  readonly kernel: string;
  readonly initrd?: string | undefined;
  readonly commandLine?: string | undefined;
}

export interface DiskDefinition {
  readonly id: string;
  /** Absolute path of the image. */
  readonly path: string;
  readonly format: "raw" | "qcow2";
  readonly readOnly: boolean;
  /** `none` bypasses the host's page cache: the one that makes hand-over quick and storage honest. */
  readonly cache: "none" | "writeback";
  /** What the guest sees as serial number; at most 20 characters. */
  readonly serial?: string | undefined;
}

export interface NetworkDefinition {
  readonly id: string;
  /** Lower-case, colons. */
  readonly mac: string;
  readonly attachment: NetworkAttachment;
}

/** Where a virtual network card's frames go. */
export type NetworkAttachment =
  /** A network the host knows by name and replaces by one of the others when it starts the machine. */
  | { readonly kind: "named"; readonly name: string }
  /** QEMU's own NAT, outgoing connections only. */
  | { readonly kind: "user" }
  /** Ethernet frames in UDP datagrams to a switch on this address. */
  | { readonly kind: "datagram"; readonly host: string; readonly port: number }
  /** Length-prefixed Ethernet frames over a UNIX socket a switch listens on. */
  | { readonly kind: "stream"; readonly path: string }
  /** An existing tap interface, opened by name (the user QEMU runs as must own it). */
  | { readonly kind: "tap"; readonly interface: string }
  /** A tap or macvtap device already open in this process; QEMU inherits it. */
  | { readonly kind: "tap-fd"; readonly fd: number };

/** Where disks and networks of one machine are on one particular host, by id. */
export interface Placement {
  readonly disks?: Readonly<Record<string, string>>;
  readonly networks?: Readonly<Record<string, NetworkAttachment>>;
  /** Kernel and initrd of a machine that boots without a disk. */
  readonly boot?: { readonly kernel: string; readonly initrd?: string | undefined };
  /** UEFI variables: a file of the source's size; what is in it comes with the memory. */
  readonly firmwareVariables?: string;
}

/** The same machine with its disks and networks where this host has them. */
export function placeVm(definition: VmDefinition, placement: Placement): VmDefinition {
  const { firmware, boot } = definition;
  const disks = definition.disks.map((disk) => ({ ...disk, path: placement.disks?.[disk.id] ?? disk.path }));
  const networks = definition.networks.map((network) => ({
    ...network,
    attachment: placement.networks?.[network.id] ?? network.attachment,
  }));
  const variables = placement.firmwareVariables;
  return {
    ...definition,
    disks,
    networks,
    firmware: firmware.kind === "uefi" && variables !== undefined ? { ...firmware, variables } : firmware,
    ...(boot === undefined ? {} : { boot: { ...boot, ...placement.boot } }),
  };
}
