import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@waybill/base";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HostError } from "../src/errors.ts";
import { maxAnswer, maxRequest, sendMessage } from "../src/ipc/frames.ts";
import { IpcClient } from "../src/ipc/ipc-client.ts";
import { IpcServer } from "../src/ipc/ipc-server.ts";

let directory: string;
let server: IpcServer;
let path: string;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "waybill-ipc-"));
  path = join(directory, "s");
  server = new IpcServer(
    {
      handle: async (_peer, call, parameters) => {
        if (call === "seal") return { sealed: parameters.plain };
        if (call === "accept") return "x".repeat(Number(parameters.length));
        if (call === "unseal") throw new Error("a secret detail");
        throw new HostError("not yours", { code: "ACCESS_DENIED", family: "caller", hresult: 0x80070005 });
      },
      disconnected: () => {},
    },
    silentLogger,
  );
  await server.listen(path);
});

afterEach(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});

describe("the local socket between listener and service", () => {
  const options = { timeout: 20_000 };

  it("carries byte strings unchanged", async () => {
    const client = new IpcClient(path);
    const plain = new Uint8Array([0, 255, 10]);
    expect(await client.call("seal", { plain }, options)).toEqual({ sealed: plain });
    client.close();
  });

  it("carries refusals with their code, and nothing of unexpected errors", async () => {
    const client = new IpcClient(path);
    await expect(client.call("operate", {}, options)).rejects.toMatchObject({
      code: "ACCESS_DENIED",
      hresult: 0x80070005,
    });
    await expect(client.call("unseal", {}, options)).rejects.toThrow("unexpected error");
    client.close();
  });

  it("drops a peer that asks for anything not on the list", async () => {
    const socket = connect(path);
    sendMessage(socket, { id: 1, call: "readKeytab", parameters: {} }, maxRequest);
    await new Promise((resolve) => socket.once("close", resolve));
  });

  it("carries answers that are larger than any request may be", async () => {
    const client = new IpcClient(path);
    const small = client.call("seal", { plain: 1 }, options);
    const answers = await Promise.all(
      [1, 3 * maxRequest, 7].map(async (length) => await client.call("accept", { length }, options)),
    );
    expect(answers.map((answer) => (answer as string).length)).toEqual([1, 3 * maxRequest, 7]);
    expect(await small).toEqual({ sealed: 1 });
    client.close();
  });

  it("what is too large is refused by name, either way, and nothing else suffers", async () => {
    const client = new IpcClient(path);
    const large = { code: "IPC_TOO_LARGE" };
    await expect(client.call("accept", { length: maxAnswer }, options)).rejects.toMatchObject(large);
    await expect(client.call("seal", { plain: "x".repeat(maxRequest) }, options)).rejects.toMatchObject(
      large,
    );
    expect(await client.call("seal", { plain: 1 }, options)).toEqual({ sealed: 1 });
    client.close();
  });

  it("says so when the service is away", async () => {
    const client = new IpcClient(join(directory, "nobody"));
    await expect(client.call("seal", {}, options)).rejects.toMatchObject({ code: "SERVICE_UNREACHABLE" });
  });
});
