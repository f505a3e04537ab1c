import { readXml, writeXml } from "@waybill/wsman";
import { describe, expect, it } from "vitest";
import {
  arrayOf,
  boolean,
  datetime,
  embedded,
  type Instance,
  interval,
  method,
  reference,
  required,
  string,
  uint16,
  uint64,
  wmiClass,
} from "../../src/index.ts";

const Lid = wmiClass("Test_Lid", { keys: [], properties: { Color: string, Tight: boolean } });
const Box = wmiClass("Test_Box", {
  keys: ["Name"],
  superclasses: ["Test_Thing"],
  properties: {
    Name: required(string),
    Weight: uint64,
    Status: arrayOf(uint16),
    Made: datetime,
    Kept: interval,
    Lid: embedded(Lid),
    Shelf: reference,
  },
  methods: { Open: method({ Force: boolean }, { Content: arrayOf(string) }) },
});
type Box = Instance<typeof Box>;

const box: Box = {
  Name: 'a "box" & <more>',
  Weight: 2 ** 40,
  Status: [2, 32774],
  Made: Date.UTC(2026, 10, 22, 17, 0, 0, 250),
  Kept: 300_000,
  Lid: { Color: "<red>", Tight: true },
  Shelf: { namespace: "root/virtualization/v2", className: "Test_Shelf", keys: { Id: "1" } },
};

describe("a WMI class declaration", () => {
  it("writes and reads an instance as WS-Management carries it (DSP0230)", () => {
    const text = writeXml(Box.write(box));
    expect(text).toContain('xsi:type="p:Test_Box_Type"');
    expect(text).toContain("<cim:Datetime>2026-11-22T17:00:00.250Z</cim:Datetime>");
    expect(text).toContain("<p:Status>2</p:Status><p:Status>32774</p:Status>");
    expect(Box.read(readXml(text))).toEqual(box);
  });

  it("writes and reads it as an embedded instance (CIM-XML, DSP0201)", () => {
    const text = Box.writeEmbedded(box);
    expect(text).toContain('<PROPERTY NAME="Made" TYPE="datetime"><VALUE>20261122170000.250000+000</VALUE>');
    expect(text).toContain('<PROPERTY.ARRAY NAME="Status" TYPE="uint16"><VALUE.ARRAY><VALUE>2</VALUE>');
    expect(Box.readEmbedded(text)).toEqual(box);
  });

  it("reads xsi:nil and absent properties as absent", () => {
    const text =
      '<p:Test_Box xmlns:p="urn:x" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">' +
      '<p:Name>n</p:Name><p:Weight xsi:nil="true"/></p:Test_Box>';
    expect(Box.read(readXml(text))).toEqual({ Name: "n" });
  });

  it("names the property whose value is wrong", () => {
    const bad = (xml: string) => () => Box.read(readXml(`<Test_Box>${xml}</Test_Box>`));
    expect(bad("")).toThrow("Test_Box.Name: is missing");
    expect(bad("<Name>n</Name><Weight>-1</Weight>")).toThrow('Test_Box.Weight: expected uint64, got "-1"');
    expect(bad("<Name>n</Name><Status>70000</Status>")).toThrow("Test_Box.Status: expected uint16");
    expect(bad("<Name>n</Name><Made>yesterday</Made>")).toThrow("Test_Box.Made: expected a date and time");
    expect(bad("<Name>n</Name><Lid>&lt;x/></Lid>")).toThrow("expected <INSTANCE CLASSNAME=…>, got <x>");
    expect(bad("<Name>n</Name><Shelf>here</Shelf>")).toThrow("expected an endpoint reference");
  });
});
