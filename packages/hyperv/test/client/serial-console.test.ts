import { Hresult, listenHttp, WsmanServer } from "@waybill/wsman";
import { afterEach, describe, expect, it } from "vitest";
import { ToyBroker, toySecurity } from "../../../wsman/test/support/toy-security.ts";
import { HyperVClient, HyperVProvider, SerialConsole, WaybillSerialConsole } from "../../src/index.ts";
import { MemoryHost, web01 } from "../support/memory-host.ts";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

async function house() {
  const host = new MemoryHost();
  const server = new WsmanServer({ provider: new HyperVProvider(host), broker: new ToyBroker() });
  const listener = await listenHttp({ server, host: "127.0.0.1", port: 0 });
  open.push(listener);
  const connect = (): HyperVClient => {
    const { port } = listener;
    const client = new HyperVClient({ host: "127.0.0.1", port, security: toySecurity("alice") });
    open.push(client);
    return client;
  };
  const clients = { listener: connect(), speaker: connect() };
  return { host, clients, machine: WaybillSerialConsole.referenceBy({ VirtualSystemIdentifier: web01 }) };
}

describe("a machine's serial port over WS-Management", () => {
  it("carries every byte there and back, in the order they were typed", async () => {
    const { host, clients } = await house();
    const console = await SerialConsole.open(clients, web01);
    const every = Uint8Array.from({ length: 256 }, (_, value) => value);
    expect(await console.write(every)).toBe(256);
    expect(await console.write(new Uint8Array([0x0d, 0x1b]))).toBe(2);
    expect(new Uint8Array(host.typed.subarray(0, 256))).toEqual(every);
    expect(await console.read()).toMatchObject({ offset: 0, lost: 0, end: undefined });
    await console.write(new Uint8Array([65]));
    expect(await console.read()).toMatchObject({ offset: 258, bytes: new Uint8Array([65]) });
  });

  it("sends a long text in pieces, as they are taken", async () => {
    const { host, clients } = await house();
    const console = await SerialConsole.open(clients, web01);
    const text = new Uint8Array(40_000).fill(97);
    let sent = 0;
    while (sent < text.length) sent += await console.write(text.subarray(sent));
    expect(host.typed).toHaveLength(40_000);
  });

  it("says what was lost, and why nothing follows", async () => {
    const { host, clients } = await house();
    const console = await SerialConsole.open(clients, web01, { takeOver: true });
    host.readConsole = async () => ({
      offset: 1000,
      bytes: new Uint8Array([1]),
      end: { reason: "moved", to: "kvm02.lab.test" },
    });
    expect(await console.read()).toEqual({
      offset: 1000,
      bytes: new Uint8Array([1]),
      lost: 1000,
      end: { reason: "moved", to: "kvm02.lab.test", by: undefined },
    });
    await console.close();
    expect(host.consoleEnd).toEqual({ reason: "left" });
  });

  it("has an instance for each machine that the caller sees", async () => {
    const { clients } = await house();
    const where = `VirtualSystemIdentifier = '${web01}'`;
    expect(await clients.speaker.wmi.select(WaybillSerialConsole, where)).toEqual([
      { VirtualSystemIdentifier: web01, ElementName: "web01" },
    ]);
  });

  it.each([
    ["no base64", { Data: "!!", Offset: 0 }],
    ["base64 cut short", { Data: "QQ", Offset: 0 }],
    ["base64 with something behind it", { Data: "QUJD\n", Offset: 0 }],
    ["an offset below zero", { Data: "QQ==", Offset: -1 }],
    ["an offset that is none", { Data: "QQ==", Offset: 2 ** 60 }],
  ])("refuses %s", async (_what, { Data, Offset }) => {
    const { host, clients, machine } = await house();
    const input = { SessionID: "x", Offset: 0, Data: "" };
    Object.assign(input, { Data, Offset });
    const { wmi } = clients.speaker;
    await expect(wmi.invoke(WaybillSerialConsole, machine, "WriteConsole", input)).rejects.toMatchObject({
      hresult: Hresult.invalidArgument,
    });
    expect(host.typed).toHaveLength(0);
  });

  it("refuses a reference without a machine", async () => {
    const { clients } = await house();
    const nobody = WaybillSerialConsole.referenceBy({});
    const { wmi } = clients.speaker;
    await expect(wmi.invoke(WaybillSerialConsole, nobody, "OpenConsole", {})).rejects.toMatchObject({
      code: "VM_REFERENCE_INVALID",
    });
  });
});
