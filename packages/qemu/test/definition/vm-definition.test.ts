import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  buildCommandLine,
  DefinitionError,
  memoryKiB,
  parseMigrationOptions,
  parseVmDefinition,
  placeVm,
  type VmFiles,
} from "../../src/index.ts";

const runs = Number(process.env.WAYBILL_FUZZ_RUNS ?? 100_000);

const uuid = "6f1c1a3e-7a53-4a40-9d5e-3c8f1f1e0a11";
const plain = { name: "web01", uuid, memoryMiB: 256 };

const files: VmFiles = {
  control: "/run/vm/control.sock",
  observer: "/run/vm/observe.sock",
  console: "/run/vm/console.sock",
  consoleLog: "/run/vm/console.log",
  reportLog: "/run/vm/report.log",
};

describe("a VM definition", () => {
  test("gets defaults for what it does not say", () => {
    expect(parseVmDefinition(plain)).toEqual({
      ...plain,
      vcpus: 1,
      machine: "q35",
      cpu: { model: "max", features: [] },
      firmware: { kind: "bios" },
      disks: [],
      networks: [],
      video: "none",
      reportPort: false,
    });
  });

  test("survives JSON and being read again", () => {
    const disk = {
      id: "disk0",
      path: "/vm/a, b.raw",
      format: "raw",
      readOnly: false,
      cache: "none",
      serial: "S1",
    };
    const network = { id: "net0", mac: "52:54:00:00:00:01", attachment: { kind: "named", name: "lab" } };
    const firmware = { kind: "uefi", code: "/fw/code.fd", variables: "/vm/vars.fd" };
    const definition = parseVmDefinition({ ...plain, disks: [disk], networks: [network], firmware });
    expect(parseVmDefinition(JSON.parse(JSON.stringify(definition)))).toEqual(definition);
  });

  test("names every problem at once, with its path", () => {
    const value = {
      name: "-drive",
      uuid: "6F1C",
      memoryMiB: "256",
      sneaky: true,
      disks: [
        { path: "../etc/shadow", format: "vmdk" },
        { path: "/a\nb", format: "raw" },
      ],
      networks: [
        { mac: "01:00:00:00:00:00", attachment: { kind: "datagram", host: "evil,script=x", port: 0 } },
      ],
      cpu: { features: ["+x2apic,enforce"] },
    };
    const disks = ["disks[0].path", "disks[0].format", "disks[1].path"];
    const networks = ["networks[0].mac", "networks[0].attachment.host", "networks[0].attachment.port"];
    const others = ["name:", "uuid:", "memoryMiB:", "sneaky: is not a known field", "cpu.features[0]"];
    try {
      parseVmDefinition(value);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(DefinitionError);
      for (const part of [...others, ...disks, ...networks]) expect((error as Error).message).toContain(part);
    }
  });

  test("refuses two disks with one path and two cards with one MAC address", () => {
    const disk = { path: "/a", format: "raw" };
    const card = { mac: "52:54:00:00:00:01" };
    expect(() => parseVmDefinition({ ...plain, disks: [disk, disk] })).toThrow("same path");
    expect(() => parseVmDefinition({ ...plain, networks: [card, card] })).toThrow("same MAC");
  });

  test("mutated plain data gives a definition or a DefinitionError, nothing else", {
    timeout: 60_000 + 5 * runs,
  }, () => {
    const keys = [
      "name",
      "uuid",
      "memoryMiB",
      "vcpus",
      "machine",
      "cpu",
      "firmware",
      "boot",
      "disks",
      "networks",
    ];
    const record = fc.dictionary(
      fc.oneof(fc.constantFrom(...keys), fc.string()),
      fc.jsonValue({ maxDepth: 3 }),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.jsonValue(),
          record.map((value) => ({ ...plain, ...value })),
        ),
        (value) => {
          try {
            parseVmDefinition(value);
          } catch (error) {
            if (!(error instanceof DefinitionError)) throw error;
          }
        },
      ),
      { numRuns: runs },
    );
  });
});

describe("QEMU's command line", () => {
  const build = (value: object, accelerator: "kvm" | "tcg" = "tcg"): readonly string[] =>
    buildCommandLine(parseVmDefinition({ ...plain, ...value }), { accelerator, files }).args;

  test("under TCG the memory is no multiple of 256 KiB, under KVM it is what was asked for", () => {
    expect(memoryKiB(256, "tcg")).toBe(256 * 1024 + 8);
    expect(memoryKiB(256, "kvm")).toBe(256 * 1024);
  });

  test("is sandboxed and free of defaults", () => {
    const args = build({});
    expect(args).toContain("-nodefaults");
    expect(args[args.indexOf("-sandbox") + 1]).toMatch(/^on,.*spawn=deny/);
  });

  test("a path is a value and never an option, whatever is in it", () => {
    const path = fc.string({ minLength: 1, maxLength: 60 }).map((text) => `/vm/${text}`);
    fc.assert(
      fc.property(path, (text) => {
        let args: readonly string[];
        try {
          args = build({ disks: [{ path: text, format: "raw" }], boot: { kernel: text, commandLine: text } });
        } catch (error) {
          if (error instanceof DefinitionError) return;
          throw error;
        }
        const file = args.map(asJson).find((value) => value?.driver === "file");
        expect(file?.filename).toBe(text);
        expect(args[args.indexOf("-kernel") + 1]).toBe(text);
        expect(args[args.indexOf("-append") + 1]).toBe(text);
        // Same arguments, in number and order, as for a harmless path.
        const harmless = build({
          disks: [{ path: "/vm/a", format: "raw" }],
          boot: { kernel: "/k", commandLine: "c" },
        });
        expect(args.length).toBe(harmless.length);
      }),
    );
  });

  test("commas in socket paths are doubled, long ones refused", () => {
    const definition = parseVmDefinition(plain);
    const odd = { ...files, console: "/run/a,server=off/console.sock" };
    const { args } = buildCommandLine(definition, { accelerator: "tcg", files: odd });
    expect(args.join(" ")).toContain("path=/run/a,,server=off/console.sock,server=on");
    const long = { ...files, control: `/${"x".repeat(120)}` };
    expect(() => buildCommandLine(definition, { accelerator: "tcg", files: long })).toThrow("107 bytes");
  });

  test("a destination waits, paused", () => {
    const definition = parseVmDefinition(plain);
    const { args } = buildCommandLine(definition, { accelerator: "tcg", files, incoming: true });
    expect(args.slice(-3)).toEqual(["-incoming", "defer", "-S"]);
  });

  test("inherited descriptors are numbered from 3", () => {
    const card = (id: string, fd: number): object => ({
      id,
      mac: `52:54:00:00:00:0${fd % 10}`,
      attachment: { kind: "tap-fd", fd },
    });
    const definition = parseVmDefinition({ ...plain, networks: [card("a", 21), card("b", 17)] });
    const { args, inherited } = buildCommandLine(definition, { accelerator: "tcg", files });
    expect(inherited).toEqual([21, 17]);
    const fds = args.map(asJson).filter((value) => value?.type === "tap");
    expect(fds.map((value) => value?.fd)).toEqual(["3", "4"]);
  });

  test("a network this host does not know is refused by name", () => {
    const attachment = { kind: "named", name: "dmz" } as const;
    const value = { networks: [{ id: "net0", mac: "52:54:00:00:00:01", attachment }] };
    expect(() => build(value)).toThrow("network dmz");
    const placed = placeVm(parseVmDefinition({ ...plain, ...value }), {
      networks: { net0: { kind: "user" } },
    });
    expect(() => buildCommandLine(placed, { accelerator: "tcg", files })).not.toThrow();
  });
});

describe("migration options", () => {
  test("have defaults, ranges and forbidden combinations", () => {
    expect(parseMigrationOptions({})).toMatchObject({ channels: 1, compression: "none", downtimeLimit: 300 });
    expect(() => parseMigrationOptions({ channels: 0 })).toThrow("channels");
    expect(() => parseMigrationOptions({ speed: 1 })).toThrow("not a known field");
    expect(() => parseMigrationOptions({ postCopy: true, channels: 2 })).toThrow("postCopy");
  });
});

function asJson(argument: string): Record<string, unknown> | undefined {
  return argument.startsWith("{") ? (JSON.parse(argument) as Record<string, unknown>) : undefined;
}
