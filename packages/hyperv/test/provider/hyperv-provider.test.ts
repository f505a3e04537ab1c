import { WaybillError } from "@waybill/base";
import {
  Dialect,
  type EnumerationItem,
  type EnumerationMode,
  element,
  type OperationContext,
  readXml,
  WsmanError,
  writeXml,
  type XmlElement,
} from "@waybill/wsman";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ComputerSystem,
  EthernetPortAllocationSettingData,
  HyperVProvider,
  MigrationJob,
  resourceUriOf,
  VirtualSystemMigrationService,
  VirtualSystemSettingData,
  virtualizationNamespace,
} from "../../src/index.ts";
import { MemoryHost, web01 } from "../support/memory-host.ts";

const uri = (className: string, namespace = virtualizationNamespace) => resourceUriOf(namespace, className);

function setUp() {
  const host = new MemoryHost();
  const provider = new HyperVProvider(host);
  const context = (resourceUri: string, selectors: Record<string, string> = {}): OperationContext => ({
    session: "alice/1",
    resourceUri,
    selectors,
    options: {},
    signal: new AbortController().signal,
  });
  const query = async (
    text: string,
    mode: EnumerationMode = "objects",
  ): Promise<readonly EnumerationItem[]> =>
    await provider.enumerate(context(uri("*")), { mode, filter: { dialect: Dialect.wql, text } });
  const names = async (text: string): Promise<string[]> =>
    (await query(text)).map(({ instance }) => instance?.name ?? "");
  return { host, provider, context, query, names };
}

const moving = { ComputerSystem: { Name: web01, CreationClassName: "Msvm_ComputerSystem" } };

describe("instances", () => {
  it("are found by class, by superclass, without case, with their namespace", async () => {
    const { provider, context, names } = setUp();
    const all = await provider.enumerate(context(uri("msvm_computersystem")), { mode: "references" });
    expect([...all].map(({ reference }) => reference?.selectors.Name)).toEqual(["kvm01.lab.test", web01]);
    expect(await names("select * from CIM_ComputerSystem")).toEqual([
      "Msvm_ComputerSystem",
      "Msvm_ComputerSystem",
      "Msvm_PlannedComputerSystem",
    ]);
    await expect(names("select * from Waybill_HostStatus")).rejects.toMatchObject({ code: "WQL_INVALID" });
  });

  it("are described by the class's own properties only", async () => {
    const { query } = setUp();
    const [item] = await query(
      "select Name, ElementName from Msvm_ComputerSystem where ElementName = 'web01'",
    );
    expect(item?.instance?.name).toBe("XmlFragment");
    expect(item?.instance?.children).toHaveLength(2);
  });

  it("are got by their keys", async () => {
    const { provider, context } = setUp();
    const found = await provider.get(
      context(uri("Msvm_ComputerSystem"), {
        CreationClassName: "msvm_computersystem",
        Name: web01.toUpperCase(),
      }),
    );
    expect(ComputerSystem.read(found)).toMatchObject({
      ElementName: "web01",
      EnabledState: 2,
      OperationalStatus: [2],
    });
    await expect(provider.get(context(uri("Msvm_ComputerSystem"), { Name: "x" }))).rejects.toMatchObject({
      hresult: 0x80041002,
    });
    await expect(provider.get(context(uri("Msvm_ComputerSystem"), { Color: "red" }))).rejects.toMatchObject({
      fault: { subcode: "InvalidSelectors" },
    });
    await expect(provider.get(context(uri("Msvm_ComputerSystem")))).rejects.toMatchObject({
      fault: { subcode: "InvalidSelectors" },
    });
    await expect(provider.get(context(uri("Msvm_Nothing")))).rejects.toMatchObject({ hresult: 0x80041010 });
    await expect(provider.get(context("urn:x"))).rejects.toMatchObject({
      fault: { subcode: "DestinationUnreachable" },
    });
  });
});

describe("associations (WQL ASSOCIATORS OF, REFERENCES OF)", () => {
  const path = (className: string, key: string) => `{\\\\.\\root\\virtualization\\v2:${className}.${key}}`;
  const vm = path("Msvm_ComputerSystem", `CreationClassName="Msvm_ComputerSystem",Name="${web01}"`);

  it("lead from a machine to its settings and on to its resources", async () => {
    const { query, names } = setUp();
    const [settings] = await query(`associators of ${vm} where ResultClass = Msvm_VirtualSystemSettingData`);
    expect(settings?.instance && VirtualSystemSettingData.read(settings.instance).ElementName).toBe("web01");
    const own = path("Msvm_VirtualSystemSettingData", `InstanceID="Microsoft:${web01}"`);
    expect(
      (await names(`associators of ${own} where AssocClass = Msvm_VirtualSystemSettingDataComponent`)).sort(),
    ).toEqual([
      "Msvm_EthernetPortAllocationSettingData",
      "Msvm_MemorySettingData",
      "Msvm_ProcessorSettingData",
      "Msvm_StorageAllocationSettingData",
      "Msvm_StorageAllocationSettingData",
      "Msvm_SyntheticEthernetPortSettingData",
    ]);
    expect(await names(`references of ${vm}`)).toEqual(["Msvm_SettingsDefineState"]);
  });

  it("lead from the migration settings to their networks", async () => {
    const { host, names, query } = setUp();
    await host.addMigrationNetworks({ session: "" }, [
      { subnet: "10.0.0.0", prefixLength: 8, metric: 1, tags: [] },
    ]);
    const settings = path(
      "Msvm_VirtualSystemMigrationServiceSettingData",
      'InstanceID="Microsoft:kvm01.lab.test"',
    );
    expect(
      await names(
        `associators of ${settings} where ResultClass=Msvm_VirtualSystemMigrationNetworkSettingData`,
      ),
    ).toEqual(["Msvm_VirtualSystemMigrationNetworkSettingData"]);
    expect(await query(`references of ${settings} where Role = PartComponent`)).toEqual([]);
  });
});

describe("methods", () => {
  const service = uri("Msvm_VirtualSystemMigrationService");
  const invoke = async (
    className: string,
    method: string,
    body: XmlElement,
    selectors: Record<string, string> = {},
  ) => {
    const { provider, context, host } = setUp();
    return { host, output: await provider.invoke(context(uri(className), selectors), method, body) };
  };
  const text = (name: string, value: string): XmlElement => element(service, name, value);
  const reference = ComputerSystem.referenceBy(moving.ComputerSystem);
  const [systemReference] =
    VirtualSystemMigrationService.methods.MigrateVirtualSystemToHost.input.ComputerSystem.write(
      service,
      "ComputerSystem",
      reference,
    );
  const call = (...children: (XmlElement | undefined)[]) =>
    element(service, "X_INPUT", systemReference, ...children);

  it("MigrateVirtualSystemToHost takes the text of an embedded instance as Hyper-V's own tools write it", async () => {
    const settings =
      '<INSTANCE CLASSNAME="Msvm_VirtualSystemMigrationSettingData"><QUALIFIER NAME="dynamic" TYPE="boolean"><VALUE>TRUE</VALUE></QUALIFIER>' +
      '<PROPERTY NAME="Caption" CLASSORIGIN="CIM_ManagedElement" TYPE="string"/>' +
      '<PROPERTY NAME="MigrationType" TYPE="uint16"><VALUE>32771</VALUE></PROPERTY>' +
      '<PROPERTY.ARRAY NAME="DestinationIPAddressList" TYPE="string"><VALUE.ARRAY><VALUE>10.0.0.2</VALUE></VALUE.ARRAY></PROPERTY.ARRAY></INSTANCE>';
    const { host, output } = await invoke(
      "Msvm_VirtualSystemMigrationService",
      "MigrateVirtualSystemToHost",
      call(text("DestinationHost", "kvm02.lab.test"), text("MigrationSettingData", settings)),
    );
    expect(host.requests[0]).toMatchObject({
      vmId: web01,
      destinationHost: "kvm02.lab.test",
      type: "vmAndStorage",
      destinationAddresses: ["10.0.0.2"],
    });
    const read = writeXml(output);
    expect(read).toContain("<p:ReturnValue>4096</p:ReturnValue>");
    expect(read).toMatch(/ResourceURI>[^<]*Msvm_MigrationJob<.*Name="InstanceID"/);
  });

  it.each([
    ["ToSystem", "MigrateVirtualSystemToSystem", "4096"],
    ["Check ToHost", "CheckVirtualSystemIsMigratableToHost", "IsMigratable>true"],
    ["Check ToSystem", "CheckVirtualSystemIsMigratableToSystem", "IsMigratable>true"],
    ["GetSystemCompatibilityVectors", "GetSystemCompatibilityVectors", "32770"],
    ["StopService", "StopService", "ReturnValue>1<"],
  ])("%s answers", async (_name, method, expected) => {
    const destination =
      systemReference === undefined ? undefined : { ...systemReference, name: "DestinationSystem" };
    const { output } = await invoke(
      "Msvm_VirtualSystemMigrationService",
      method,
      call(text("DestinationHost", "kvm02"), destination),
    );
    expect(writeXml(output)).toContain(expected);
  });

  it("compatibility information goes there and back byte by byte", async () => {
    const { output } = await invoke(
      "Msvm_VirtualSystemMigrationService",
      "GetSystemCompatibilityInfo",
      call(),
    );
    const bytes = output.children.filter(
      (child) => typeof child === "object" && "name" in child && child.name === "CompatibilityInfo",
    );
    expect(bytes).toHaveLength(web01.length);
    const check = await invoke(
      "Msvm_VirtualSystemMigrationService",
      "CheckSystemCompatibilityInfo",
      element(service, "X", ...bytes),
    );
    expect(writeXml(check.output)).toContain("ReturnValue>32784<");
    expect(writeXml(check.output)).toContain("the CPU model differs");
  });

  it.each([
    ["an unknown method", "Explode", call()],
    ["a name of JavaScript's", "constructor", call()],
    ["no destination", "MigrateVirtualSystemToHost", call()],
    ["no machine", "MigrateVirtualSystemToHost", element(service, "X", text("DestinationHost", "h"))],
    [
      "a destination that is an option",
      "MigrateVirtualSystemToHost",
      call(text("DestinationHost", "-o x=y")),
    ],
    [
      "settings that are no instance",
      "MigrateVirtualSystemToHost",
      call(text("DestinationHost", "h"), text("MigrationSettingData", "<x")),
    ],
    [
      "settings with a document type",
      "MigrateVirtualSystemToHost",
      call(
        text("DestinationHost", "h"),
        text("MigrationSettingData", '<!DOCTYPE x [<!ENTITY a "b">]><INSTANCE CLASSNAME="x"/>'),
      ),
    ],
    [
      "settings of another class",
      "MigrateVirtualSystemToHost",
      call(text("DestinationHost", "h"), text("MigrationSettingData", '<INSTANCE CLASSNAME="Msvm_Error"/>')),
    ],
    [
      "a type that is none",
      "MigrateVirtualSystemToHost",
      call(
        text("DestinationHost", "h"),
        text(
          "MigrationSettingData",
          '<INSTANCE CLASSNAME="Msvm_VirtualSystemMigrationSettingData"><PROPERTY NAME="MigrationType" TYPE="uint16"><VALUE>7</VALUE></PROPERTY></INSTANCE>',
        ),
      ),
    ],
  ])("%s is refused by name and reaches no host", async (_name, method, body) => {
    const { provider, context, host } = setUp();
    const error: unknown = await provider
      .invoke(context(service), method, body)
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(WaybillError);
    expect(error instanceof WsmanError || (error as { hresult?: number }).hresult === 0x80070057).toBe(true);
    expect(host.requests).toEqual([]);
  });

  it("jobs refuse what is not asking them to stop", async () => {
    const { provider, context, host } = setUp();
    const { jobId } = await host.migrate({ session: "" }, { vmId: web01, destinationHost: "h", type: "vm" });
    const ask = async (state: string, id = jobId ?? "") =>
      writeXml(
        await provider.invoke(
          context(MigrationJob.resourceUri, { InstanceID: id }),
          "RequestStateChange",
          element("", "X", element("", "RequestedState", state)),
        ),
      );
    expect(await ask("3")).toContain("ReturnValue>32770<");
    expect(await ask("4")).toContain("ReturnValue>0<");
    await expect(ask("4", "nobody")).rejects.toMatchObject({ code: "JOB_UNKNOWN", hresult: 0x80041002 });
  });

  it("any input is answered or refused with a typed error", async () => {
    const { provider, context } = setUp();
    const methods = fc.constantFrom(...Object.keys(VirtualSystemMigrationService.methods));
    const names = fc.constantFrom(
      "ComputerSystem",
      "DestinationHost",
      "MigrationSettingData",
      "NewResourceSettingData",
      "NetworkSettings",
      "ServiceSettingData",
      "CompatibilityInfo",
      "RequestedState",
    );
    const content = fc.oneof(
      fc.string(),
      fc.constantFrom(
        '<INSTANCE CLASSNAME="Msvm_VirtualSystemMigrationNetworkSettingData"/>',
        '<INSTANCE CLASSNAME="Msvm_VirtualSystemMigrationServiceSettingData"><PROPERTY/></INSTANCE>',
        "<INSTANCE/>",
        "7",
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        methods,
        fc.array(fc.tuple(names, content), { maxLength: 4 }),
        async (method, parts) => {
          const body = call(...parts.map(([name, value]) => text(name, value)));
          try {
            readXml(writeXml(await provider.invoke(context(service), method, body)));
          } catch (error) {
            expect(error).toBeInstanceOf(WaybillError);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

it("a network's new name is found behind Hyper-V's suffix for connections", () => {
  const setting = EthernetPortAllocationSettingData.writeEmbedded({
    InstanceID: `Microsoft:${web01}\\nic0\\C`,
  });
  expect(EthernetPortAllocationSettingData.readEmbedded(setting).InstanceID).toBe(
    `Microsoft:${web01}\\nic0\\C`,
  );
});
