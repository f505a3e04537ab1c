import { type ImportReport, short } from "./import-domain.ts";
import { childOf, childrenOf, type XmlElement } from "./xml-tree.ts";

interface ImportedDevices {
  readonly disks: readonly unknown[];
  readonly networks: readonly unknown[];
  readonly video: string;
}

/** Buses and conveniences a guest does without; mentioned, not refused. */
const leftOut = new Set(
  "controller input graphics memballoon rng channel sound audio watchdog panic redirdev hub parallel".split(
    " ",
  ),
);

export function importDevices(devices: XmlElement | undefined, report: ImportReport): ImportedDevices {
  const disks: unknown[] = [];
  const networks: unknown[] = [];
  let video = "none";
  for (const device of devices?.children ?? [])
    switch (device.name) {
      case "emulator":
        break;
      case "disk":
        if (!isEmptyDrive(device)) disks.push(readDisk(device, report));
        break;
      case "interface":
        networks.push(readInterface(device, networks.length, report));
        break;
      case "serial":
      case "console":
        readConsole(device, report);
        break;
      case "video":
        video = readVideo(device, report);
        break;
      default:
        if (!leftOut.has(device.name))
          report.problems.push(`<${short(device.name)}> devices are not supported`);
        else if (device.attributes.model !== "none") report.notes.push(`a <${device.name}> was left out`);
    }
  return { disks, networks, video };
}

/** A CD-ROM drive with nothing in it. */
function isEmptyDrive(disk: XmlElement): boolean {
  const removable = ["cdrom", "floppy"].includes(disk.attributes.device ?? "disk");
  return removable && childOf(disk, "source") === undefined;
}

function readDisk(disk: XmlElement, report: ImportReport): unknown {
  const target = childOf(disk, "target")?.attributes;
  const id = target?.dev ?? "disk";
  const refuse = (what: string): void => void report.problems.push(`disk ${short(id)}: ${what}`);
  const driver = childOf(disk, "driver")?.attributes ?? {};
  const source = childOf(disk, "source")?.attributes ?? {};
  const type = disk.attributes.type ?? "";
  if (type !== "file" && type !== "block")
    refuse(`a source of type ${JSON.stringify(short(type))} is not supported`);
  if ((disk.attributes.device ?? "disk") !== "disk")
    refuse(`a ${short(disk.attributes.device ?? "")} is not supported`);
  if (target?.bus !== "virtio")
    refuse(`bus ${JSON.stringify(short(target?.bus ?? ""))} is not supported, only virtio`);
  for (const extra of ["encryption", "auth", "mirror", "iotune", "shareable", "transient"])
    if (childOf(disk, extra) !== undefined) refuse(`<${extra}> is not supported`);
  if ((childOf(disk, "backingStore")?.children.length ?? 0) > 0)
    refuse("images with a backing file are not supported");
  const cache = driver.cache ?? "none";
  if (!["none", "directsync", "default", "writeback"].includes(cache))
    refuse(`cache mode ${JSON.stringify(short(cache))} is not safe for a migration`);
  const serial = childOf(disk, "serial")?.text.trim();
  return {
    id,
    path: type === "block" ? source.dev : source.file,
    format: driver.type ?? "raw",
    readOnly: childOf(disk, "readonly") !== undefined,
    cache: cache === "writeback" ? "writeback" : "none",
    ...(serial === undefined ? {} : { serial }),
  };
}

function readInterface(card: XmlElement, index: number, report: ImportReport): unknown {
  const id = `net${index}`;
  const refuse = (what: string): void => void report.problems.push(`interface ${id}: ${what}`);
  const model = childOf(card, "model")?.attributes.type ?? "rtl8139";
  if (model !== "virtio") refuse(`model ${JSON.stringify(short(model))} is not supported, only virtio`);
  for (const extra of ["vlan", "virtualport", "bandwidth", "filterref", "mtu"])
    if (childOf(card, extra) !== undefined) refuse(`<${extra}> is not supported`);
  const mac = childOf(card, "mac")?.attributes.address?.toLowerCase();
  return { id, mac, attachment: readAttachment(card, refuse) };
}

function readAttachment(card: XmlElement, refuse: (what: string) => void): unknown {
  const source = childOf(card, "source")?.attributes ?? {};
  const type = card.attributes.type ?? "";
  switch (type) {
    case "user":
      return { kind: "user" };
    case "network":
      return { kind: "named", name: source.network };
    case "bridge":
      return { kind: "named", name: source.bridge };
    case "ethernet":
      return { kind: "tap", interface: childOf(card, "target")?.attributes.dev };
    default:
      refuse(`type ${JSON.stringify(short(type))} is not supported`);
      return { kind: "user" };
  }
}

function readConsole(device: XmlElement, report: ImportReport): void {
  const port = Number(childOf(device, "target")?.attributes.port ?? 0);
  const kind = childOf(device, "target")?.attributes.type ?? "serial";
  if (port !== 0 || !["serial", "isa-serial"].includes(kind))
    report.problems.push(`<${device.name}>: only the first serial port is supported`);
  if (childrenOf(device, "log").length > 0)
    report.notes.push("the console's <log> was left out: it has its own");
}

function readVideo(device: XmlElement, report: ImportReport): string {
  const type = childOf(device, "model")?.attributes.type ?? "";
  const kinds: Readonly<Record<string, string>> = { none: "none", vga: "std", virtio: "virtio" };
  const kind = kinds[type];
  if (kind === undefined)
    report.problems.push(`video model ${JSON.stringify(short(type))} is not supported: use vga or virtio`);
  return kind ?? "none";
}
