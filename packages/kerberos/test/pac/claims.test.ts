import { fromHex, utf8 } from "@waybill/base";
import { describe, expect, test } from "vitest";
import { decodeClaims, encodeClaims } from "../../src/pac/claims.ts";
import { buildPac, type ClaimsArray, decodePac, encodePac } from "../../src/pac/index.ts";
import { decompressXpressHuffman } from "../../src/pac/xpress-huffman.ts";
import { storm, stormTimeout } from "../support/storm.ts";
import { windowsClaims } from "./fixtures/windows-claims.ts";

const plain = fromHex(windowsClaims.plain);
const compressed = fromHex(windowsClaims.compressed);
const failing = expect.objectContaining({ code: "PAC_MALFORMED" });
const numbers = [655369n, 65543n, 65542n, 65536n];

describe("MS-ADTS 2.2.18: claims as Windows writes them", () => {
  test("uncompressed", () => {
    const expected = [
      {
        source: 1,
        claims: [
          { id: "720fd3c3_9", type: "boolean", values: [true] },
          { id: "720fd3c3_7", type: "string", values: ["foo", "bar", "baz"] },
          { id: "720fd3c3_8", type: "uint64", values: numbers },
        ],
      },
    ];
    expect(decodeClaims(plain)).toEqual(expected);
  });

  test("compressed with LZ77 and Huffman codes (MS-XCA 2.1)", () => {
    const [array] = decodeClaims(compressed);
    expect(array!.claims.map(({ id, type }) => [id, type])).toEqual([
      ["720fd3c3_4", "boolean"],
      ["720fd3c3_0", "string"],
      ["720fd3c3_1", "string"],
      ["720fd3c3_2", "uint64"],
      ["720fd3c3_3", "uint64"],
    ]);
    const [, texts, names, first, second] = array!.claims;
    const sentence = "A very long attribute value to ensure that this claim will be compressed.";
    expect(texts!.values.slice(0, 3)).toEqual(["A first value.", "A second value.", "A third value."]);
    expect(new Set(String(texts!.values[3]).split(/(?<=\.) /))).toEqual(new Set([sentence]));
    expect(names!.values).toEqual(
      ["", "CN=Users,", "CN=Computers,"].map((head) => `${head}DC=win22,DC=example,DC=com`),
    );
    expect([first!.values, second!.values]).toEqual([numbers, numbers]);
  });

  test("an empty buffer holds none", () => expect(decodeClaims(new Uint8Array())).toEqual([]));
});

describe("what is written is what is read", () => {
  const all: ClaimsArray[] = [
    {
      source: 1,
      claims: [
        { id: "ad://ext/department:1", type: "string", values: ["Rechnungsprüfung", "", "日本"] },
        { id: "a", type: "int64", values: [-1n, 2n ** 62n] },
        { id: "b", type: "uint64", values: [2n ** 64n - 1n] },
        { id: "", type: "boolean", values: [true, false] },
        { id: "none", type: "string", values: [] },
      ],
    },
    { source: 2, claims: [] },
  ];

  test.each([
    ["all kinds", all],
    ["nothing", []],
  ])("%s", (_, claims) => {
    expect(decodeClaims(encodeClaims(claims))).toEqual(claims);
    const pac = decodePac(encodePac(buildPac({ clientClaims: claims, deviceClaims: claims })));
    expect(pac.buffers.map(({ type }) => type)).toEqual([13, 15]);
    expect(pac.clientClaims).toEqual(claims);
    expect(pac.deviceClaims).toEqual(claims);
  });

  test("Windows' own claims, octet for octet up to the numbers it gives its pointers", () => {
    expect(encodeClaims(decodeClaims(plain)).length).toBe(plain.length);
  });
});

describe("MS-XCA 3.1: published examples of decompression", () => {
  const table = (lengths: Readonly<Record<number, number>>): Uint8Array => {
    const bytes = new Uint8Array(256);
    for (const [symbol, length] of Object.entries(lengths))
      bytes[Number(symbol) >> 1]! |= length << (4 * (Number(symbol) & 1));
    return bytes;
  };

  test("the alphabet: codes of five and four bits", () => {
    const lengths: Record<number, number> = { 256: 4 };
    for (let octet = 97; octet <= 122; octet++) lengths[octet] = octet < 119 ? 5 : 4;
    const input = new Uint8Array([...table(lengths), ...fromHex("d8523ed794115be9195ff9d67cdf8d0400000000")]);
    const output = decompressXpressHuffman(input, 26, "x");
    expect(output).toEqual(utf8("abcdefghijklmnopqrstuvwxyz"));
  });

  test("abc a hundred times: a repetition longer than its distance", () => {
    const input = new Uint8Array([
      ...table({ 97: 3, 98: 3, 99: 2, 256: 2, 287: 2 }),
      ...fromHex("a8dc0000ff2601"),
    ]);
    expect(decompressXpressHuffman(input, 300, "x")).toEqual(utf8("abc".repeat(100)));
    expect(() => decompressXpressHuffman(input.subarray(0, 258), 300, "x")).toThrow(failing);
    expect(() => decompressXpressHuffman(input, 299, "x")).toThrow(failing);
  });
});

test("sizes and codes that do not fit are refused", () => {
  const huge = new Uint8Array(compressed);
  huge.set([0xff, 0xff, 0xff, 0x7f], 32);
  expect(() => decodeClaims(huge)).toThrow(failing);
  const other = new Uint8Array(compressed);
  other[28] = 2;
  expect(() => decodeClaims(other)).toThrow(failing);
  const incomplete = new Uint8Array(compressed);
  incomplete.fill(0, 52, 100);
  expect(() => decodeClaims(incomplete)).toThrow(failing);
});

test("mutated claims give typed errors in bounded time", { timeout: stormTimeout }, () => {
  storm([plain], decodeClaims);
  storm([compressed], decodeClaims);
});
