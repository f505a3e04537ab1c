import { describe, expect, it } from "vitest";
import {
  type Envelope,
  element,
  faultError,
  formatDuration,
  Ns,
  parseDuration,
  readEndpointReference,
  readEnvelope,
  readFault,
  readXml,
  type SoapFault,
  writeEndpointReference,
  writeEnvelope,
  writeFault,
  writeXml,
} from "../../src/index.ts";

describe("the envelope (SOAP 1.2, WS-Addressing 2004/08, DSP0226 section 6)", () => {
  it("writes and reads the same headers", () => {
    const envelope: Envelope = {
      action: "urn:a",
      to: "http://kvm01:5985/wsman",
      messageId: "uuid:1",
      replyTo: "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous",
      resourceUri: "urn:r",
      selectors: { Name: "a & b", Other: "" },
      options: { "a b": "c" },
      operationTimeout: 20_000,
      maxEnvelopeSize: 153_600,
      body: element("urn:x", "Body"),
    };
    expect(readEnvelope(readXml(writeXml(writeEnvelope(envelope))))).toEqual({
      ...envelope,
      relatesTo: undefined,
    });
  });

  const wrap = (header: string, body = "<s:Body/>") =>
    `<s:Envelope xmlns:s="${Ns.soap}" xmlns:a="${Ns.addressing}" xmlns:w="${Ns.wsman}"><s:Header>${header}</s:Header>${body}</s:Envelope>`;

  it.each([
    ["<x/>", "SchemaValidationError"],
    [wrap("", ""), "SchemaValidationError"],
    [wrap('<q:New xmlns:q="urn:q" s:mustUnderstand="true"/>'), "UnsupportedFeature"],
    [wrap('<w:FragmentTransfer s:mustUnderstand="1">/x</w:FragmentTransfer>'), "UnsupportedFeature"],
    [wrap("<w:OperationTimeout>soon</w:OperationTimeout>"), "InvalidMessageInformationHeader"],
    [wrap("<w:MaxEnvelopeSize>-1</w:MaxEnvelopeSize>"), "InvalidMessageInformationHeader"],
  ])("refuses %s with %s", (text, subcode) => {
    expect(() => readEnvelope(readXml(text))).toThrow(
      expect.objectContaining({ fault: expect.objectContaining({ subcode }) as unknown }) as Error,
    );
  });

  it("reads nested references, but not without end", () => {
    const reference = (depth: number): string =>
      `<a:ReferenceParameters><w:ResourceURI>urn:${depth}</w:ResourceURI><w:SelectorSet><w:Selector Name="k">${
        depth === 0 ? "end" : `<a:EndpointReference>${reference(depth - 1)}</a:EndpointReference>`
      }</w:Selector></w:SelectorSet></a:ReferenceParameters>`;
    const read = (depth: number) =>
      readEndpointReference(
        readXml(`<r xmlns:a="${Ns.addressing}" xmlns:w="${Ns.wsman}">${reference(depth)}</r>`),
      );
    expect(read(1)?.selectors.k).toMatchObject({ resourceUri: "urn:0", selectors: { k: "end" } });
    expect(JSON.stringify(read(10))).not.toContain("urn:0");
    const made = {
      resourceUri: "urn:r",
      selectors: { a: "1", b: { resourceUri: "urn:s", selectors: { c: "2" } } },
    };
    expect(readEndpointReference(readXml(writeXml(writeEndpointReference(made))))).toMatchObject(made);
  });
});

describe("durations", () => {
  it.each([
    ["PT60S", 60_000],
    ["PT20.000S", 20_000],
    ["P0DT0H5M0S", 300_000],
    ["P1DT1H", 90_000_000],
    ["P0Y0M0DT0H0M1.5S", 1500],
    ["P1Y", undefined],
    ["PT", undefined],
    ["P", undefined],
    ["20", undefined],
    ["-PT1S", undefined],
  ])("%s is %s ms", (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  it("are written as WinRM writes them", () => {
    expect(formatDuration(20_000)).toBe("PT20.000S");
  });
});

describe("faults", () => {
  const roundTrip = (fault: SoapFault): SoapFault => readFault(readXml(writeXml(writeFault(fault))));

  it("carry code, machine, provider fault, Waybill's code and remedy", () => {
    const fault: SoapFault = {
      sender: true,
      subcode: "AccessDenied",
      reason: "no <way>",
      hresult: 0x80070005,
      machine: "kvm01",
      providerFault: { provider: "Waybill", path: "waybill", hresult: 0x80070005, message: "no <way>" },
      waybillCode: "ACCESS_DENIED",
      remedy: "Ask.",
    };
    expect(roundTrip(fault)).toMatchObject(fault);
  });

  it("write the HRESULT as an unsigned decimal number", () => {
    const { fault } = faultError("accessDenied", "no");
    expect(fault).toBeDefined();
    if (fault !== undefined) expect(writeXml(writeFault(fault))).toContain('Code="2147942405"');
  });

  // The form is that of faults WinRM prints (PowerShell-Docs, Set-WSManQuickConfig); names and numbers only.
  it("read WinRM's nested provider fault", () => {
    const text = `<s:Fault xmlns:s="${Ns.soap}" xmlns:f="${Ns.fault}"><s:Code><s:Value>s:Receiver</s:Value><s:Subcode>
      <s:Value>w:InternalError</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang="en-US">outer</s:Text></s:Reason>
      <s:Detail><f:WSManFault Code="-2147024891" Machine="hv01"><f:Message><f:ProviderFault provider="Config provider"
      path="%systemroot%\\system32\\WsmSvc.dll"><f:WSManFault Code="2150859113" Machine="hv01"><f:Message>inner
      </f:Message></f:WSManFault></f:ProviderFault></f:Message></f:WSManFault></s:Detail></s:Fault>`;
    expect(readFault(readXml(text))).toMatchObject({
      sender: false,
      subcode: "InternalError",
      reason: "outer",
      hresult: 0x80070005,
      machine: "hv01",
      providerFault: { provider: "Config provider", hresult: 2150859113, message: "inner" },
    });
  });

  it("read whatever is left of a broken one", () => {
    expect(readFault(readXml(`<s:Fault xmlns:s="${Ns.soap}"/>`))).toMatchObject({
      subcode: "",
      reason: "the service gave no reason",
    });
  });
});
