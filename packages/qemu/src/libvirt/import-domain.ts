import { refuseProblems } from "../definition/field-reader.ts";
import { parseVmDefinition } from "../definition/parse-vm-definition.ts";
import type { VmDefinition } from "../definition/vm-definition.ts";
import { importDevices } from "./import-devices.ts";
import { childOf, childrenOf, parseXml, textOf, type XmlElement } from "./xml-tree.ts";

export interface ImportedDomain {
  readonly definition: VmDefinition;
  /** What the domain had and the machine will not, each harmless to the guest. */
  readonly notes: readonly string[];
}

/** Collects what cannot be carried over: `problems` refuse the domain, `notes` do not. */
export interface ImportReport {
  readonly problems: string[];
  readonly notes: string[];
}

/** Elements of `<domain>` that say nothing about the virtual hardware. */
const without = new Set([
  "metadata",
  "title",
  "description",
  "genid",
  "on_crash",
  "on_poweroff",
  "seclabel",
  "pm",
]);
/** Tuning of the host: the machine runs without. */
const tuning = new Set(
  "resource cputune memtune blkiotune numatune iothreads iothreadids memoryBacking perf keywrap".split(" "),
);
const read = new Set(
  "name uuid memory currentMemory maxMemory vcpu os cpu features clock on_reboot devices".split(" "),
);

/**
 * A machine definition from libvirt's domain XML (libvirt.org/formatdomain.html), such as `virsh dumpxml`
 * prints. Hardware the guest would miss is refused, all of it in one error; disks and networks keep their
 * place and can be given another with {@link placeVm}.
 *
 * @throws DefinitionError
 */
export function importLibvirtDomain(xml: string): ImportedDomain {
  const domain = parseXml(xml);
  const report: ImportReport = { problems: [], notes: [] };
  if (domain.name !== "domain") report.problems.push(`<${short(domain.name)}> is not a libvirt <domain>`);
  const type = domain.attributes.type ?? "";
  if (type !== "kvm" && type !== "qemu")
    report.problems.push(`domain type ${JSON.stringify(short(type))} is not QEMU`);
  for (const child of domain.children) {
    if (tuning.has(child.name)) report.notes.push(`<${child.name}> was left out`);
    else if (!read.has(child.name) && !without.has(child.name))
      report.problems.push(`<${short(child.name)}> is not supported`);
  }
  const os = childOf(domain, "os");
  const value = {
    name: textOf(domain, "name"),
    uuid: textOf(domain, "uuid")?.toLowerCase(),
    memoryMiB: readMemory(domain, report),
    vcpus: readVcpus(domain, report),
    machine: childOf(os, "type")?.attributes.machine ?? "pc",
    cpu: readCpu(childOf(domain, "cpu"), report),
    firmware: readFirmware(os, report),
    ...readBoot(os),
    ...importDevices(childOf(domain, "devices"), report),
  };
  readFeatures(domain, report);
  refuseProblems("the libvirt domain cannot be imported", report.problems);
  return { definition: parseVmDefinition(value), notes: report.notes };
}

/** Text from the document as it may stand in a message. */
export function short(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** Decimal and binary units as libvirt defines them, in bytes. */
const units = new Map<string, number>([
  ...["b", "bytes"].map((unit) => [unit, 1] as const),
  ...["KB", "MB", "GB", "TB"].map((unit, index) => [unit, 1000 ** (index + 1)] as const),
  ...["k", "M", "G", "T"].map((unit, index) => [unit, 1024 ** (index + 1)] as const),
  ...["KiB", "MiB", "GiB", "TiB"].map((unit, index) => [unit, 1024 ** (index + 1)] as const),
]);

function readMemory(domain: XmlElement, report: ImportReport): number {
  const bytes = sizeOf(childOf(domain, "memory"));
  const current = childOf(domain, "currentMemory");
  if (current !== undefined && sizeOf(current) !== bytes)
    report.problems.push("<currentMemory> differs from <memory>: ballooning is not supported");
  if (childOf(domain, "maxMemory") !== undefined)
    report.problems.push("<maxMemory>: memory hotplug is not supported");
  const mebibytes = bytes / 2 ** 20;
  if (!Number.isInteger(mebibytes)) report.problems.push("<memory> is not a whole number of MiB");
  return mebibytes;
}

function sizeOf(element: XmlElement | undefined): number {
  const unit = units.get(element?.attributes.unit ?? "KiB");
  const text = element?.text.trim() ?? "";
  return unit !== undefined && /^\d{1,15}$/.test(text) ? Number(text) * unit : Number.NaN;
}

function readVcpus(domain: XmlElement, report: ImportReport): number {
  const vcpu = childOf(domain, "vcpu");
  const count = Number(vcpu?.text.trim() ?? "1");
  const { current } = vcpu?.attributes ?? {};
  if (current !== undefined && Number(current) !== count)
    report.problems.push("<vcpu current>: CPU hotplug is not supported");
  return count;
}

function readCpu(cpu: XmlElement | undefined, report: ImportReport): unknown {
  // libvirt leaves the choice to QEMU, whose default this is.
  if (cpu === undefined) return { model: "qemu64" };
  const mode = cpu.attributes.mode ?? "custom";
  const topology = childOf(cpu, "topology")?.attributes;
  if (
    topology !== undefined &&
    [topology.cores, topology.threads, topology.dies].some((n) => Number(n ?? 1) !== 1)
  )
    report.problems.push("<cpu><topology>: only sockets of one core and one thread are supported");
  if (childOf(cpu, "numa") !== undefined) report.problems.push("<cpu><numa> is not supported");
  if (mode === "host-model")
    report.problems.push('<cpu mode="host-model">: name a model, so that it is the same on every host');
  else if (mode === "maximum") return { model: "max" };
  else if (mode !== "host-passthrough" && mode !== "custom")
    report.problems.push(`<cpu mode="${short(mode)}"> is not supported`);
  const features: string[] = [];
  for (const { attributes } of childrenOf(cpu, "feature")) {
    const policy = attributes.policy ?? "require";
    const sign = { require: "+", force: "+", disable: "-", forbid: "-" }[policy];
    if (sign === undefined) report.problems.push(`<feature policy="${short(policy)}"> is not supported`);
    features.push(`${sign ?? "+"}${attributes.name ?? ""}`);
  }
  return { model: mode === "host-passthrough" ? "host" : (textOf(cpu, "model") ?? "qemu64"), features };
}

function readFirmware(os: XmlElement | undefined, report: ImportReport): unknown {
  const type = childOf(os, "type");
  if (type?.text.trim() !== "hvm") report.problems.push("<os><type> is not hvm");
  if ((type?.attributes.arch ?? "x86_64") !== "x86_64")
    report.problems.push("<os><type arch>: only x86_64 is supported");
  const loader = childOf(os, "loader");
  if (loader === undefined) {
    if (os?.attributes.firmware === "efi")
      report.problems.push('<os firmware="efi">: the files are needed, as <loader> and <nvram>');
    return { kind: "bios" };
  }
  if (loader.attributes.secure === "yes") report.problems.push("<loader secure> is not supported");
  if (loader.attributes.type !== "pflash") report.problems.push("<loader> is not of type pflash");
  return { kind: "uefi", code: loader.text.trim(), variables: textOf(os, "nvram") };
}

function readBoot(os: XmlElement | undefined): { readonly boot?: unknown } {
  const kernel = textOf(os, "kernel");
  if (kernel === undefined) return {};
  return { boot: { kernel, initrd: textOf(os, "initrd"), commandLine: textOf(os, "cmdline") } };
}

/** Features every x86 machine of QEMU has anyway. */
const usualFeatures = new Set(["acpi", "apic", "pae", "vmport"]);

function readFeatures(domain: XmlElement, report: ImportReport): void {
  for (const feature of childOf(domain, "features")?.children ?? [])
    if (!usualFeatures.has(feature.name))
      report.problems.push(`<features><${short(feature.name)}> is not supported`);
  const offset = childOf(domain, "clock")?.attributes.offset ?? "utc";
  if (offset !== "utc") report.problems.push(`<clock offset="${short(offset)}">: only utc is supported`);
}
