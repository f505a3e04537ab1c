import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sleep } from "@waybill/base";
import { afterAll, beforeAll, expect, it } from "vitest";
import { FileCache, parseCredentialCache } from "../../src/index.ts";
import { run } from "../support/processes.ts";
import { sampleCredential } from "./samples.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "waybill-crash-"));
});
afterAll(() => rm(directory, { recursive: true }));

const script = fileURLToPath(new URL("endless-writer.ts", import.meta.url));
const writerArguments = ["--import", "tsx", "--conditions=@waybill/source", script];

it("a writer killed at any moment leaves a whole cache, and a lock that the next one takes over", async () => {
  const cache = new FileCache(join(directory, "cc"));
  for (let round = 0; round < 5; round++) {
    const args = [...writerArguments, cache.path];
    const writer = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    await once(writer.stdout, "data");
    await sleep(Math.random() * 40);
    writer.kill("SIGKILL");
    await once(writer, "exit");
    const { credentials } = await cache.read();
    expect(credentials.length).toBeGreaterThan(0);
    expect(await run("klist", ["-c", cache.path])).toContain("alice@LAB.TEST");
    await cache.add(sampleCredential(undefined, 17), { timeout: 2000 });
  }
});

it("a ticket for which there is no room is refused, and nothing of it stays", async () => {
  const path = join(directory, "full");
  const node = [process.execPath, ...writerArguments, path];
  const said = await run("prlimit", ["--fsize=20000", ...node]);
  expect(said).toBe("FILE_UNWRITABLE ENOSPC\n");
  const { credentials } = parseCredentialCache(new Uint8Array(await readFile(path)));
  expect(credentials.length).toBeGreaterThan(3);
  expect(await run("klist", ["-c", path])).toContain("cifs/xxx");
});
