import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DefinitionError, importLibvirtDomain } from "../../src/index.ts";

const runs = Number(process.env.WAYBILL_FUZZ_RUNS ?? 100_000);

const uuid = "6f1c1a3e-7a53-4a40-9d5e-3c8f1f1e0a11";

/** A domain as `virsh dumpxml` prints one, with `extra` among its devices. */
function domain(extra = "", top = ""): string {
  return `<domain type='kvm' id='3'>
  <name>web01</name><uuid>${uuid.toUpperCase()}</uuid>
  <memory unit='KiB'>262144</memory><currentMemory unit='KiB'>262144</currentMemory>
  <vcpu placement='static'>2</vcpu>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><boot dev='hd'/></os>
  <features><acpi/><apic/></features>
  <cpu mode='custom' match='exact'><model fallback='forbid'>Skylake-Client</model>
    <feature policy='require' name='aes'/><feature policy='disable' name='hle'/></cpu>
  <clock offset='utc'><timer name='rtc' tickpolicy='catchup'/></clock>
  <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot>
  ${top}
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='none'/><source file='/vm/web01.qcow2'/>
      <target dev='vda' bus='virtio'/><serial>W1</serial>
    </disk>
    <disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>
    <controller type='usb' model='qemu-xhci'/>
    <interface type='bridge'>
      <mac address='52:54:00:AB:CD:EF'/><source bridge='br0'/><model type='virtio'/>
    </interface>
    <serial type='pty'><target type='isa-serial' port='0'/></serial>
    <console type='pty'><target type='serial' port='0'/></console>
    <graphics type='vnc' port='-1'/><video><model type='vga'/></video>
    <memballoon model='none'/>
    ${extra}
  </devices>
</domain>`;
}

describe("a libvirt domain", () => {
  test("becomes a definition, with notes on what was left out", () => {
    const { definition, notes } = importLibvirtDomain(domain());
    expect(definition).toEqual({
      name: "web01",
      uuid,
      memoryMiB: 256,
      vcpus: 2,
      machine: "pc-q35-7.2",
      cpu: { model: "Skylake-Client", features: ["+aes", "-hle"] },
      firmware: { kind: "bios" },
      disks: [
        { id: "vda", path: "/vm/web01.qcow2", format: "qcow2", readOnly: false, cache: "none", serial: "W1" },
      ],
      networks: [{ id: "net0", mac: "52:54:00:ab:cd:ef", attachment: { kind: "named", name: "br0" } }],
      video: "std",
      reportPort: false,
    });
    expect(notes).toEqual(["a <controller> was left out", "a <graphics> was left out"]);
  });

  test("UEFI and direct kernel boot", () => {
    const os = `<os><type arch='x86_64' machine='q35'>hvm</type><loader type='pflash' readonly='yes'>/fw/c.fd</loader>
      <nvram>/vm/v.fd</nvram><kernel>/k</kernel><initrd>/i</initrd><cmdline>console=ttyS0 a &amp; b</cmdline></os>`;
    const { definition } = importLibvirtDomain(domain().replace(/<os>[\s\S]*<\/os>/, os));
    expect(definition.firmware).toEqual({ kind: "uefi", code: "/fw/c.fd", variables: "/vm/v.fd" });
    expect(definition.boot).toEqual({ kernel: "/k", initrd: "/i", commandLine: "console=ttyS0 a & b" });
  });

  test.each([
    ["a host device", "<hostdev mode='subsystem' type='pci'/>", "<hostdev> devices"],
    ["a shared folder", "<filesystem type='mount'/>", "<filesystem> devices"],
    ["a TPM", "<tpm model='tpm-crb'/>", "<tpm> devices"],
    [
      "a SATA disk",
      "<disk type='file' device='disk'><source file='/x'/><target dev='sdb' bus='sata'/></disk>",
      "only virtio",
    ],
    [
      "a network disk",
      "<disk type='network' device='disk'><target dev='vdb' bus='virtio'/></disk>",
      '"network"',
    ],
    [
      "a backing file",
      "<disk type='file'><source file='/x'/><backingStore type='file'><format type='raw'/></backingStore><target dev='vdb' bus='virtio'/></disk>",
      "backing file",
    ],
    [
      "an e1000",
      "<interface type='user'><mac address='52:54:00:00:00:02'/><model type='e1000'/></interface>",
      '"e1000"',
    ],
    [
      "a second serial port",
      "<serial type='pty'><target type='isa-serial' port='1'/></serial>",
      "first serial port",
    ],
    ["qxl", "<video><model type='qxl'/></video>", '"qxl"'],
  ])("refuses %s by name", (_, device, expected) => {
    expect(() => importLibvirtDomain(domain(device))).toThrow(expected);
  });

  test.each([
    ["raw QEMU arguments", "<qemu:commandline><qemu:arg value='-S'/></qemu:commandline>", "qemu:commandline"],
    ["memory hotplug", "<maxMemory slots='16'>1048576</maxMemory>", "hotplug"],
    ["encrypted guests", "<launchSecurity type='sev'/>", "launchSecurity"],
  ])("refuses %s", (_, element, expected) => {
    expect(() => importLibvirtDomain(domain("", element))).toThrow(expected);
  });

  test("refuses a CPU that is another on every host", () => {
    const xml = domain().replace(/<cpu [\s\S]*<\/cpu>/, "<cpu mode='host-model'/>");
    expect(() => importLibvirtDomain(xml)).toThrow("name a model");
  });

  test.each([
    ["no XML", "hello", "not well-formed"],
    ["nothing", "", "root element"],
    ["entities", '<!DOCTYPE d [<!ENTITY a "aaaa">]><domain>&a;</domain>', "document type"],
    ["depth", "<a>".repeat(100), "deeper"],
    ["another document", "<network/>", "not a libvirt"],
  ])("refuses %s", (_, xml, expected) => {
    expect(() => importLibvirtDomain(xml)).toThrow(expected);
  });

  test("mutated XML gives a definition or a DefinitionError, nothing else", {
    timeout: 60_000 + 5 * runs,
  }, () => {
    const seed = domain();
    const change = fc.tuple(fc.nat(seed.length), fc.nat(40), fc.string({ maxLength: 12 }));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 4 }), (changes) => {
        let xml = seed;
        for (const [at, length, text] of changes) xml = xml.slice(0, at) + text + xml.slice(at + length);
        try {
          importLibvirtDomain(xml);
        } catch (error) {
          if (!(error instanceof DefinitionError)) throw error;
        }
      }),
      { numRuns: runs },
    );
  });
});
