import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@waybill/base";
import { HyperVClient, HyperVProvider, type VirtualMachine } from "@waybill/hyperv";
import { listenHttp, WsmanServer } from "@waybill/wsman";
import { expect, test } from "vitest";
import { ToyBroker, toySecurity } from "../../wsman/test/support/toy-security.ts";
import { maxRequest } from "../src/ipc/frames.ts";
import { IpcClient } from "../src/ipc/ipc-client.ts";
import { IpcServer } from "../src/ipc/ipc-server.ts";
import { remoteHost } from "../src/listener/remote-host.ts";

const count = 1500;
const machines = Array.from({ length: count }, (_, index): VirtualMachine => {
  const id = `6b6e0a0e-9d2f-4a52-8c0a-${String(index).padStart(12, "0")}`;
  const text = JSON.stringify({ name: `vm${index}`, cmdline: "x".repeat(4000) });
  return {
    id,
    name: `vm${index}`,
    state: "running",
    migrating: false,
    health: "ok",
    document: { format: "waybill-vm/1", text },
  };
});

test("a host of very many machines is listed whole, through the local socket and in envelopes of 500 KiB", async () => {
  expect(JSON.stringify(machines).length).toBeGreaterThan(maxRequest);
  const directory = mkdtempSync(join(tmpdir(), "waybill-many-"));
  const path = join(directory, "s");
  const service = new IpcServer(
    {
      handle: async (_peer, _call, { operation }) => (operation === "listVirtualMachines" ? machines : []),
      disconnected: () => {},
    },
    silentLogger,
  );
  await service.listen(path);
  const ipc = new IpcClient(path);
  const provider = new HyperVProvider(remoteHost(ipc, "kvm01.lab.test", "test"));
  const server = new WsmanServer({ provider, broker: new ToyBroker() });
  const listener = await listenHttp({ server, host: "127.0.0.1", port: 0 });
  const client = new HyperVClient({
    host: "127.0.0.1",
    port: listener.port,
    security: toySecurity("alice"),
    timeout: 60_000,
  });
  try {
    const seen = await client.listVms();
    expect(new Set(seen.map(({ name }) => name)).size).toBe(count);
  } finally {
    client.close();
    await listener.close();
    ipc.close();
    await service.close();
    rmSync(directory, { recursive: true });
  }
}, 60_000);
