import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { NetworkTransport, staticLocator } from "@waybill/kerberos";
import { describe, expect, it } from "vitest";
import { startKdcServer } from "../../src/index.ts";
import { createTestDomain, testPassword } from "../../src/testing/index.ts";

/** Sockets that have closed, from whenever on that was. */
const ended = new WeakMap<Socket, Promise<unknown>>();

async function open(port: number): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("error", () => {});
  ended.set(socket, new Promise((resolve) => socket.once("close", resolve)));
  await once(socket, "connect");
  return socket;
}

describe("a KDC under siege", () => {
  it("sheds the longest idle connections and goes on answering", async () => {
    const domain = await createTestDomain({ users: ["alice"] });
    const { kdc, passwords } = domain;
    const server = await startKdcServer({
      kdc,
      passwords,
      port: 0,
      kpasswdPort: 0,
      maxConnectionsPerAddress: 20,
    });
    const sockets: Socket[] = [];
    try {
      for (let count = 0; count < 200; count++) sockets.push(await open(server.port));
      await expect.poll(() => server.limits.shed).toBeGreaterThanOrEqual(180);
      expect(server.limits.open).toBeLessThanOrEqual(20);
      const locator = staticLocator({ [domain.realm]: { kdc: [`tcp/127.0.0.1:${server.port}`] } });
      const client = domain.newClient({ transport: new NetworkTransport({ locator }) });
      await client.login({ principal: domain.principal("alice"), password: testPassword });
    } finally {
      for (const socket of sockets) socket.destroy();
      await server.close();
    }
  });

  it("closes connections that send nothing, too much, or nonsense", async () => {
    const domain = await createTestDomain();
    const server = await startKdcServer({ kdc: domain.kdc, port: 0, idleTimeout: 200 });
    try {
      const silent = await open(server.port);
      const huge = await open(server.port);
      huge.write(Uint8Array.of(0x7f, 0xff, 0xff, 0xff));
      const nonsense = await open(server.port);
      nonsense.write(Uint8Array.of(0, 0, 0, 3, 1, 2, 3));
      await Promise.all([silent, huge, nonsense].map(async (socket) => await ended.get(socket)));
      await expect.poll(() => server.limits.open).toBe(0);
    } finally {
      await server.close();
    }
  });

  it("does not answer datagrams that are no requests", async () => {
    const domain = await createTestDomain();
    const server = await startKdcServer({ kdc: domain.kdc, port: 0 });
    const socket = createSocket("udp4");
    let answers = 0;
    socket.on("message", () => answers++);
    try {
      for (let count = 0; count < 50; count++) socket.send(Uint8Array.of(count), server.port, "127.0.0.1");
      // A KRB-ERROR would start an endless conversation between two servers.
      socket.send(domain.kdc.responseTooBig(), server.port, "127.0.0.1");
      socket.send(Uint8Array.of(0x6a, 0), server.port, "127.0.0.1");
      await once(socket, "message");
      expect(answers).toBe(1);
    } finally {
      socket.close();
      await server.close();
    }
  });
});
