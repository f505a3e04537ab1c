import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sleep } from "@waybill/base";
import { afterAll, beforeAll, expect, it } from "vitest";
import { FileCache } from "../../src/index.ts";
import { run } from "../support/processes.ts";
import { sampleCredential } from "./samples.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "waybill-crash-"));
});
afterAll(() => rm(directory, { recursive: true }));

it("a writer killed at any moment leaves a whole cache, and a lock that the next one takes over", async () => {
  const cache = new FileCache(join(directory, "cc"));
  const script = fileURLToPath(new URL("endless-writer.ts", import.meta.url));
  for (let round = 0; round < 5; round++) {
    const args = ["--import", "tsx", "--conditions=@waybill/source", script, cache.path];
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
