import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { receivedBytes } from "../../src/migration/received-bytes.ts";

test("what came in on a port's connections is counted, and nothing else", async () => {
  const accepted: Socket[] = [];
  const servers = [0, 1].map(() => createServer((socket) => void accepted.push(socket.resume())));
  const ports: number[] = [];
  for (const server of servers) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    ports.push((server.address() as AddressInfo).port);
  }
  const [ours = 0, other = 0] = ports;
  const sockets = [ours, ours, other].map((port) => connect(port, "127.0.0.1"));
  try {
    for (const socket of sockets) {
      if (socket.connecting) await once(socket, "connect");
      await new Promise<void>((resolve) => socket.write(Buffer.alloc(1000), () => resolve()));
    }
    await expect.poll(async () => await receivedBytes([ours]), { timeout: 20_000 }).toBe(2000);
    await expect.poll(async () => await receivedBytes(ports), { timeout: 20_000 }).toBe(3000);
    expect(await receivedBytes([])).toBe(0);
  } finally {
    for (const socket of [...sockets, ...accepted]) socket.destroy();
    for (const server of servers) server.close();
  }
});
