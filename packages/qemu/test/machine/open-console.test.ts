import { once } from "node:events";
import { link, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { connectConsole } from "../../src/index.ts";

describe("the socket of a machine's console", () => {
  let folder: string;
  let server: Server;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "waybill-console-"));
    server = createServer((socket) => socket.end("hello"));
    server.listen(join(folder, "console.sock"));
    await once(server, "listening");
  });
  afterEach(async () => {
    server.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("is connected to", async () => {
    const socket = await connectConsole(join(folder, "console.sock"), "web01");
    expect(String((await once(socket, "data"))[0])).toBe("hello");
    socket.destroy();
  });

  it("is reached by a name of any length", async () => {
    const long = join(folder, "n".repeat(200));
    await link(join(folder, "console.sock"), long);
    const socket = await connectConsole(long, "web01");
    expect(String((await once(socket, "data"))[0])).toBe("hello");
    socket.destroy();
  });

  it("is not somewhere else, where a QEMU that its guest took over would lead to", async () => {
    const other = join(folder, "other.sock");
    await symlink(join(folder, "console.sock"), other);
    await expect(connectConsole(other, "web01")).rejects.toMatchObject({ code: "CONSOLE_UNREACHABLE" });
  });

  it("is no file, and is there", async () => {
    await writeFile(join(folder, "file"), "");
    for (const name of ["file", "nothing"])
      await expect(connectConsole(join(folder, name), "web01")).rejects.toMatchObject({
        code: "CONSOLE_UNREACHABLE",
      });
  });
});
