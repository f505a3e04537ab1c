import { fork } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utf8 } from "@waybill/base";
import { afterEach, describe, expect, test } from "vitest";
import { FileReplayCache, MemoryReplayCache } from "../../src/gss/index.ts";

const failing = (code: string) => expect.objectContaining({ code });
const made: string[] = [];
function directory(): string {
  const path = mkdtempSync(join(tmpdir(), "waybill-replay-"));
  made.push(path);
  return path;
}
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true });
});

const now = Date.UTC(2026, 10, 1, 9, 0, 0);

describe.each(["memory", "file"])("RFC 4120 3.2.3: %s replay cache", (kind) => {
  const make = (maxRecords?: number) =>
    kind === "memory"
      ? new MemoryReplayCache({ maxRecords })
      : new FileReplayCache({ directory: directory(), maxRecords });

  test("each authenticator once", () => {
    const cache = make();
    expect(cache.note(utf8("a"), now, now)).toBe(true);
    expect(cache.note(utf8("b"), now, now)).toBe(true);
    expect(cache.note(utf8("a"), now, now)).toBe(false);
    expect(cache.note(utf8("a"), now, now + 299_000)).toBe(false);
  });

  test("a replay is noticed across the border of two stretches", () => {
    const cache = make();
    expect(cache.note(utf8("a"), now + 299_999, now + 299_999)).toBe(true);
    expect(cache.note(utf8("b"), now + 300_000, now + 300_000)).toBe(true);
    expect(cache.note(utf8("a"), now + 299_999, now + 599_000)).toBe(false);
  });

  test("full", () => {
    const cache = make(2);
    cache.note(utf8("a"), now, now);
    cache.note(utf8("b"), now, now);
    expect(() => cache.note(utf8("c"), now, now)).toThrow(failing("REPLAY_CACHE_FULL"));
    expect(cache.note(utf8("c"), now + 300_000, now + 300_000)).toBe(true);
  });
});

describe("file replay cache", () => {
  test("survives a restart; is for its owner only; forgets what is too old", () => {
    const path = join(directory(), "replay");
    const first = new FileReplayCache({ directory: path });
    expect(first.note(utf8("a"), now, now)).toBe(true);
    first.close();
    const second = new FileReplayCache({ directory: path });
    expect(second.note(utf8("a"), now, now)).toBe(false);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(statSync(join(path, readdirSync(path)[0]!)).mode & 0o777).toBe(0o600);
    for (let minutes = 0; minutes < 60; minutes += 5) {
      second.note(utf8(`m${minutes}`), now + minutes * 60_000, now + minutes * 60_000);
      expect(readdirSync(path).length).toBeLessThanOrEqual(3);
    }
    second.close();
  });

  test("two caches on one directory see each other's records", () => {
    const path = directory();
    const left = new FileReplayCache({ directory: path });
    const right = new FileReplayCache({ directory: path });
    for (let index = 0; index < 200; index++) {
      const [one, other] = index % 2 === 0 ? [left, right] : [right, left];
      expect(one!.note(utf8(`${index}`), now, now)).toBe(true);
      expect(other!.note(utf8(`${index}`), now, now)).toBe(false);
    }
    left.close();
    right.close();
  });

  test("of processes that race with the same authenticators, exactly one wins each", async () => {
    const path = directory();
    const script = join(path, "racer.mjs");
    const source = new URL("../../src/gss/file-replay-cache.ts", import.meta.url).href;
    writeFileSync(
      script,
      `import { FileReplayCache } from ${JSON.stringify(source)};
       process.on("message", () => {
         const cache = new FileReplayCache({ directory: ${JSON.stringify(join(path, "cache"))} });
         const won = [];
         for (let i = 0; i < 500; i++) if (cache.note(Buffer.from("r" + i), ${now}, ${now})) won.push(i);
         process.send(won, () => process.exit(0));
       });
       process.send("ready");`,
    );
    const options = { execArgv: ["--import", "tsx", "--conditions=@waybill/source"] };
    const racers = [0, 1, 2].map(() => fork(script, options));
    const next = (racer: (typeof racers)[number]) =>
      new Promise<unknown>((resolve, reject) => {
        racer.once("message", resolve);
        racer.once("error", reject);
      });
    await Promise.all(racers.map(next));
    const results = racers.map(next);
    for (const racer of racers) racer.send("go");
    const won = ((await Promise.all(results)) as number[][]).flat();
    expect(won.length).toBe(500);
    expect(new Set(won).size).toBe(500);
  });

  test("what does not work is said, with a remedy, and nothing is accepted", () => {
    const path = directory();
    writeFileSync(join(path, "file"), "");
    const blocked = new FileReplayCache({ directory: join(path, "file") });
    expect(() => blocked.note(utf8("a"), now, now)).toThrow(failing("REPLAY_CACHE_FAILED"));
    const torn = new FileReplayCache({ directory: path });
    torn.note(utf8("a"), now, now);
    const file = readdirSync(path).find((name) => name.startsWith("replay-"))!;
    writeFileSync(join(path, file), "half", { flag: "a" });
    expect(() => torn.note(utf8("b"), now, now)).toThrow(
      expect.objectContaining({ code: "REPLAY_CACHE_FAILED", remedy: expect.any(String) }),
    );
    torn.close();
  });
});
