import { chown, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { endianness, tmpdir } from "node:os";
import { join } from "node:path";
import { concatBytes, fromHex, toHex } from "@waybill/base";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  encodeKeytab,
  entriesFromPassword,
  findKeys,
  mergeKeytabs,
  newestKeys,
  newestKvno,
  parseKeytab,
  readKeytab,
  stringToKey,
  updateKeytab,
  writeKeytab,
} from "../../src/index.ts";
import { parsePrincipal } from "../../src/principal.ts";
import { epoch, host, migration, sampleKeytab } from "./samples.ts";

describe("the keytab format, version 0x502", () => {
  it("reads back what it writes", () => {
    expect(parseKeytab(encodeKeytab(sampleKeytab))).toEqual(sampleKeytab);
  });

  it("has the octets of the grammar", () => {
    const principal = parsePrincipal("a@B");
    const entry = {
      principal,
      kvno: 258,
      key: { keytype: 17, keyvalue: new Uint8Array(2) },
      timestamp: 1000,
    };
    expect(toHex(encodeKeytab({ entries: [entry] }))).toBe(
      "05020000001b" +
        "0001" +
        "000142" +
        "000161" +
        "00000001" +
        "00000001" +
        "02" +
        "0011" +
        "00020000" +
        "00000102",
    );
  });

  it("passes over holes, entries shorter than their record, and stops at a size of 0", () => {
    const [first] = sampleKeytab.entries;
    const record = encodeKeytab({ entries: [first!] }).subarray(2);
    const padded = concatBytes(
      fromHex("00000080"),
      record.subarray(4),
      new Uint8Array(0x80 - record.length + 4),
    );
    const content = concatBytes(fromHex("0502 fffffffc 00000000"), padded, fromHex("00000000 ffff"));
    expect(parseKeytab(content).entries).toEqual([first]);
  });

  it("takes the 8-bit version where the 32-bit one is missing or zero", () => {
    const entry = encodeKeytab({ entries: [sampleKeytab.entries[2]!] }).subarray(6);
    const short = concatBytes(fromHex("0502"), size(entry.length - 4), entry.subarray(0, -4));
    expect(parseKeytab(short).entries[0]!.kvno).toBe(300 & 0xff);
    const zero = concatBytes(fromHex("0502"), size(entry.length), entry.subarray(0, -4), new Uint8Array(4));
    expect(parseKeytab(zero).entries[0]!.kvno).toBe(300 & 0xff);
  });
});

describe("the keytab format, version 0x501", () => {
  it.each(["LE", "BE"] as const)("is read in byte order %s, whatever this machine's is", (order) => {
    expect(["LE", "BE"]).toContain(endianness());
    const little = order === "LE";
    const two = (value: number) => (little ? [value & 255, value >> 8] : [value >> 8, value & 255]);
    const four = (value: number) => (little ? [...two(value), 0, 0] : [0, 0, ...two(value)]);
    const text = (value: string) => [...two(value.length), ...Buffer.from(value)];
    const entry = [
      ...two(3),
      ...text("LAB"),
      ...text("host"),
      ...text("k"),
      ...four(60),
      7,
      ...two(17),
      ...two(1),
      9,
    ];
    const { entries } = parseKeytab(Uint8Array.from([5, 1, ...four(entry.length), ...entry]));
    expect(entries).toEqual([
      {
        principal: { realm: "LAB", nameType: 1, components: ["host", "k"] },
        kvno: 7,
        key: { keytype: 17, keyvalue: Uint8Array.of(9) },
        timestamp: 60_000,
      },
    ]);
  });
});

describe("a malformed keytab", () => {
  it.each([
    ["nothing", "", 0],
    ["another first octet", "0402", 0],
    ["an unknown version", "0503", 1],
    ["a record longer than the file", "050200000040", 6],
    ["more components than fit", "0502 00000004 ffff0000", 8],
  ])("%s", (_, hex, offset) => {
    expect(() => parseKeytab(fromHex(hex))).toThrow(
      expect.objectContaining({ code: "MALFORMED_KEYTAB", facts: expect.objectContaining({ offset }) }),
    );
  });
});

describe("looking keys up", () => {
  it("finds the newest version, and any by its number", () => {
    expect(newestKvno(sampleKeytab, host)).toBe(300);
    expect(newestKeys(sampleKeytab, host)).toEqual([sampleKeytab.entries[2]]);
    expect(findKeys(sampleKeytab, { principal: host, kvno: 3 })).toHaveLength(2);
    expect(findKeys(sampleKeytab, { principal: host, kvno: 3, etype: 17 })).toEqual([
      sampleKeytab.entries[1],
    ]);
    expect(findKeys(sampleKeytab, { kvno: 9 })).toEqual([]);
    expect(newestKvno(sampleKeytab, parsePrincipal("nobody@LAB.TEST"))).toBeUndefined();
  });

  it("finds a version above 255 in a keytab that kept its low eight bits", () => {
    expect(findKeys(sampleKeytab, { principal: host, kvno: 259 })).toHaveLength(2);
  });

  it("merges, the later keytab winning", () => {
    const changed = { ...sampleKeytab.entries[0]!, timestamp: epoch + 1000 };
    const other = { ...sampleKeytab.entries[0]!, kvno: 4 };
    const merged = mergeKeytabs(sampleKeytab, { entries: [changed, other] });
    expect(merged.entries).toHaveLength(5);
    expect(findKeys(merged, { kvno: 3, principal: host, etype: 18 })).toEqual([changed]);
  });
});

describe("entries from a password", () => {
  it("have the salt of Active Directory and stand under every name", () => {
    const entries = entriesFromPassword({
      principals: [parsePrincipal("KVM01$@LAB.TEST"), host, migration],
      password: "secret",
      kvno: 2,
      account: { kind: "computer", accountName: "KVM01$" },
      etypes: [18, 17],
      timestamp: epoch,
    });
    expect(entries).toHaveLength(6);
    expect(entries[0]!.key).toEqual(stringToKey(18, "secret", "LAB.TESThostkvm01.lab.test"));
    expect(entries[2]!.key).toBe(entries[0]!.key);
    const user = entriesFromPassword({
      principals: [parsePrincipal("alice@LAB.TEST")],
      password: "secret",
      kvno: 2,
      account: { kind: "user", name: "alice" },
      etypes: [17],
      timestamp: epoch,
    });
    expect(user[0]!.key).toEqual(stringToKey(17, "secret", "LAB.TESTalice"));
  });
});

describe("keytab files", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "waybill-keytab-"));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it("are written for the owner only, and leave nothing else behind", async () => {
    const path = join(directory, "k");
    await writeFile(path, "old", { mode: 0o644 });
    await writeKeytab(path, sampleKeytab);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readKeytab(path)).toEqual(sampleKeytab);
    expect(await readdir(directory)).toEqual(["k"]);
  });

  it("keep their owner, so that a service can go on reading what root changes", async () => {
    const path = join(directory, "k");
    await writeFile(path, encodeKeytab(sampleKeytab));
    if (process.getuid?.() === 0) await chown(path, 65534, 65534);
    const before = await stat(path);
    await updateKeytab(path, (keytab) => keytab);
    const after = await stat(path);
    expect([after.uid, after.gid, after.ino === before.ino]).toEqual([before.uid, before.gid, false]);
  });

  it("keep every change that several writers make at once", async () => {
    const path = join(directory, "k");
    const [entry] = sampleKeytab.entries;
    const add = (kvno: number) =>
      updateKeytab(path, (keytab) => ({ entries: [...keytab.entries, { ...entry!, kvno }] }));
    await Promise.all(Array.from({ length: 12 }, (_, index) => add(index + 1)));
    const { entries } = await readKeytab(path);
    expect(entries.map((one) => one.kvno).sort((a, b) => a - b)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
    ]);
    expect(await readdir(directory)).toEqual(["k"]);
  });

  it("say which file is missing or malformed", async () => {
    const path = join(directory, "none");
    await expect(readKeytab(path)).rejects.toMatchObject({ code: "FILE_NOT_FOUND", facts: { path } });
    await writeFile(path, "nonsense");
    await expect(readKeytab(path)).rejects.toMatchObject({
      code: "MALFORMED_KEYTAB",
      facts: { path, offset: 0 },
    });
    await expect(readKeytab(directory)).rejects.toMatchObject({ code: "FILE_UNREADABLE" });
    expect(await readFile(path, "utf8")).toBe("nonsense");
  });
});

function size(length: number): Uint8Array {
  return Uint8Array.of(0, 0, length >> 8, length & 255);
}
