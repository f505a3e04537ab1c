import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { concatBytes, fromHex } from "@waybill/base";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  DirCache,
  encodeCredentialCache,
  FileCache,
  MemoryCache,
  openCredentialCache,
  parseCredentialCache,
  withCredential,
  withFileLock,
} from "../../src/index.ts";
import { host, sampleCache, sampleCredential } from "./samples.ts";

describe("the FILE cache format", () => {
  it("reads back what it writes in version 4, with the KDC's offset and configuration entries", () => {
    expect(parseCredentialCache(encodeCredentialCache(sampleCache))).toEqual(sampleCache);
  });

  it("reads back what it writes in version 3, which has no header", () => {
    const { kdcOffset: _, ...rest } = sampleCache;
    expect(parseCredentialCache(encodeCredentialCache(sampleCache, 3))).toEqual(rest);
  });

  it("passes over header fields with unknown tags", () => {
    const { kdcOffset: _, ...rest } = sampleCache;
    const plain = encodeCredentialCache(rest);
    const tagged = concatBytes(fromHex("0504 0006 0063 0002 abcd"), plain.subarray(4));
    expect(parseCredentialCache(tagged)).toEqual(rest);
  });

  it("leaves out what MIT marked as removed", () => {
    const removed = { ...sampleCredential(), authTime: 0xffff_ffff * 1000, endTime: 0 };
    const contents = { ...sampleCache, credentials: [removed, sampleCredential()] };
    expect(parseCredentialCache(encodeCredentialCache(contents)).credentials).toEqual([sampleCredential()]);
  });

  it.each([
    ["nothing", "", 0],
    ["another first octet", "0404", 0],
    ["a version with native byte order", "0502", 1],
    ["a header longer than the file", "05040010", 4],
    ["more components than fit", "05040000 00000001 ffffffff 00000000", 16],
  ])("refuses %s", (_, hex, offset) => {
    expect(() => parseCredentialCache(fromHex(hex))).toThrow(
      expect.objectContaining({ code: "MALFORMED_CCACHE", facts: expect.objectContaining({ offset }) }),
    );
  });
});

describe("adding a credential", () => {
  it("replaces the one for the same server and session key type only", () => {
    const plain = { ...sampleCredential(), authorizationData: [] };
    const contents = { ...sampleCache, credentials: [plain] };
    const newer = { ...plain, endTime: plain.endTime + 1000 };
    const weaker = { ...plain, key: { keytype: 17, keyvalue: new Uint8Array(16) } };
    expect(withCredential(contents, newer).credentials).toEqual([newer]);
    expect(withCredential(contents, weaker).credentials).toEqual([plain, weaker]);
  });
});

describe("caches", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "waybill-ccache-"));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it("of type FILE are for the owner only and leave nothing else behind", async () => {
    const cache = openCredentialCache(`FILE:${join(directory, "cc")}`);
    await expect(cache.read()).rejects.toMatchObject({ code: "CCACHE_NOT_FOUND" });
    await cache.write(sampleCache);
    expect((await stat(join(directory, "cc"))).mode & 0o777).toBe(0o600);
    const added = sampleCredential(host, 17);
    await cache.add(added);
    expect((await cache.read()).credentials).toEqual([...sampleCache.credentials, added]);
    expect((await cache.read()).config).toEqual(sampleCache.config);
    await cache.destroy();
    await cache.destroy();
    expect(await readdir(directory)).toEqual([]);
  });

  it("of type FILE wait for an entry that another program is just appending", async () => {
    const path = join(directory, "cc");
    const whole = encodeCredentialCache(sampleCache);
    await writeFile(path, whole.subarray(0, whole.length - 20));
    const reading = new FileCache(path).read();
    setTimeout(() => void writeFile(path, whole), 15);
    expect(await reading).toEqual(sampleCache);
  });

  it("of type FILE wait for a login that has only made the file", async () => {
    const path = join(directory, "cc");
    await writeFile(path, "");
    const cache = new FileCache(path);
    const both = Promise.all([cache.read(), cache.add(sampleCredential(host, 17))]);
    setTimeout(() => void writeFile(path, encodeCredentialCache(sampleCache)), 250);
    await both;
    expect((await cache.read()).credentials).toHaveLength(3);
    await writeFile(path, "");
    await expect(cache.read()).rejects.toMatchObject({ code: "MALFORMED_CCACHE" });
  });

  it("of type FILE pass over an entry that was cut off for good, and add in its place", async () => {
    const path = join(directory, "cc");
    const cache = new FileCache(path);
    const whole = encodeCredentialCache(sampleCache);
    await writeFile(path, whole.subarray(0, whole.length - 20));
    const [tgt, cut] = sampleCache.credentials;
    expect(await cache.read()).toEqual({ ...sampleCache, credentials: [tgt] });
    await cache.add(cut!);
    expect(new Uint8Array(await readFile(path))).toEqual(whole);
  });

  it.each([3, 4] as const)("of type FILE are added to in their own version, %i", async (version) => {
    const path = join(directory, "cc");
    const added = sampleCredential(host, 17);
    const credentials = [...sampleCache.credentials, added];
    await writeFile(path, encodeCredentialCache(sampleCache, version));
    const { ino } = await stat(path);
    await new FileCache(path).add(added);
    expect(new Uint8Array(await readFile(path))).toEqual(
      encodeCredentialCache({ ...sampleCache, credentials }, version),
    );
    expect((await stat(path)).ino).toBe(ino);
  });

  it("of type FILE give the last of several tickets for the same use", async () => {
    const cache = new FileCache(join(directory, "cc"));
    const plain = { ...sampleCredential(), authorizationData: [] };
    await cache.write({ ...sampleCache, credentials: [plain] });
    const newer = { ...plain, endTime: plain.endTime + 1000 };
    await cache.add(newer);
    expect((await cache.read()).credentials).toEqual([newer]);
  });

  it("of type FILE that do not exist are not made by adding", async () => {
    const cache = new FileCache(join(directory, "cc"));
    await expect(cache.add(sampleCredential())).rejects.toMatchObject({ code: "CCACHE_NOT_FOUND" });
    expect(await readdir(directory)).toEqual([]);
  });

  it("of type DIR have a primary cache, and more", async () => {
    const place = join(directory, "made", "here");
    const dir = openCredentialCache(`DIR:${place}`) as DirCache;
    expect(dir).toBeInstanceOf(DirCache);
    expect(await dir.caches()).toEqual([]);
    await dir.write(sampleCache);
    expect((await stat(place)).mode & 0o777).toBe(0o700);
    const other = openCredentialCache(`DIR::${join(place, "tktother")}`) as FileCache;
    await other.write({ ...sampleCache, credentials: [] });
    expect((await dir.caches()).map((cache) => cache.name)).toEqual([
      `DIR::${join(place, "tkt")}`,
      `DIR::${join(place, "tktother")}`,
    ]);
    await dir.setPrimary(other);
    expect(await readFile(join(place, "primary"), "utf8")).toBe("tktother\n");
    expect((await dir.read()).credentials).toEqual([]);
    await writeFile(join(place, "primary"), "../../etc/passwd\n");
    await expect(dir.read()).rejects.toMatchObject({ code: "BAD_PRIMARY_CCACHE" });
  });

  it("of type MEMORY belong to their object", async () => {
    const cache = new MemoryCache("test", sampleCache);
    await cache.add(sampleCredential(host, 17));
    expect((await cache.read()).credentials).toHaveLength(3);
    await expect(openCredentialCache("MEMORY:test").read()).rejects.toMatchObject({
      code: "CCACHE_NOT_FOUND",
    });
  });

  it("of type KCM fail by name when no daemon listens, and are not written", async () => {
    const cache = openCredentialCache("KCM:", { kcmSocket: join(directory, "none") });
    await expect(cache.read()).rejects.toMatchObject({ code: "KCM_FAILED" });
    await expect(cache.write(sampleCache)).rejects.toMatchObject({ code: "CCACHE_READ_ONLY" });
  });

  it("of unknown types are refused", () => {
    expect(() => openCredentialCache("KEYRING:persistent:0")).toThrow(
      expect.objectContaining({ code: "UNKNOWN_CCACHE_TYPE" }),
    );
  });
});

describe("file locks", () => {
  let path: string;
  beforeEach(async () => {
    path = join(await mkdtemp(join(tmpdir(), "waybill-lock-")), "file");
  });
  afterEach(() => rm(join(path, ".."), { recursive: true }));

  it("let one in at a time", async () => {
    let inside = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 3));
      inside--;
    };
    await Promise.all(Array.from({ length: 8 }, () => withFileLock(path, work)));
    expect(most).toBe(1);
  });

  it("are given up in time, and when the caller gives up", async () => {
    await withFileLock(path, async () => {
      const options = { timeout: 60 };
      await expect(withFileLock(path, async () => 1, options)).rejects.toMatchObject({ code: "FILE_LOCKED" });
      const signal = AbortSignal.timeout(20);
      await expect(withFileLock(path, async () => 1, { signal })).rejects.toMatchObject({ code: "ABORTED" });
    });
  });

  it("of a process that is gone are taken over", async () => {
    await writeFile(join(path, "..", ".file.lock"), `999999999 ${hostname()} 00`);
    expect(await withFileLock(path, async () => "in", { timeout: 500 })).toBe("in");
    expect(await readdir(join(path, ".."))).toEqual([]);
  });
});
