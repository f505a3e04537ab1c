import { createServer } from "node:net";
import { expect, test } from "vitest";
import { mutate, seeded } from "../../kerberos/test/support/mutations.ts";
import { decodeSrvAnswer, encodeSrvQuery, fromHex, resolveSrv } from "../src/index.ts";

/** Samba 4.17's DNS server to _kerberos._udp.lab.test: the target's name ends in a pointer into the question. */
const compressed = fromHex(
  "7aad85000001000100010000095f6b65726265726f73045f756470036c616204746573740000210001c00c0021000100000384000c000000640058" +
    "03646331c01bc01b0006000100000e100023c03b0a686f73746d6173746572c01b0000000100000384000002580001518000000e10",
);
/** The same to _kerberos._udp.LAB.TEST: uncompressed. */
const whole = fromHex(
  "123485000001000100010000095f6b65726265726f73045f756470034c414204544553540000210001c00c00210001000003840014000000640058" +
    "03646331036c6162047465737400c03f0006000100000e100023c03b0a686f73746d6173746572c03f00000001000003840000025800015180" +
    "00000e10",
);
const dc1 = { name: "dc1.lab.test", port: 88, priority: 0, weight: 100 };
const queryOf = (answer: Uint8Array): Uint8Array => answer.slice(0, 41);
const badResponse = Object.assign(new Error("querySrv EBADRESP"), { code: "EBADRESP" });

test.each([
  ["compressed", compressed],
  ["whole", whole],
])("RFC 1035 4.1: an answer with %s names", (_, answer) => {
  expect(decodeSrvAnswer(answer, queryOf(answer))).toEqual([dc1]);
});

test("the question is the one that was answered", () => {
  const query = encodeSrvQuery("_kerberos._udp.lab.test.")!;
  expect(query.subarray(12)).toEqual(queryOf(compressed).subarray(12));
  expect(encodeSrvQuery(`${"a".repeat(64)}.test`)).toBeUndefined();
  expect(encodeSrvQuery("a..test")).toBeUndefined();
  expect(decodeSrvAnswer(whole, queryOf(compressed))).toBeUndefined();
});

test("what the resolver does not understand is asked again, over TCP", async () => {
  const server = createServer((socket) =>
    socket.once("data", (question) => {
      const answer = Buffer.from(compressed);
      answer.set(question.subarray(2, 4));
      const frame = Buffer.concat([Buffer.from([0, answer.length]), answer]);
      socket.write(frame.subarray(0, 20), () => socket.write(frame.subarray(20)));
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const resolver = {
    resolveSrv: () => Promise.reject(badResponse),
    getServers: () => ["127.0.0.1:1", `127.0.0.1:${port}`],
  };
  expect(await resolveSrv("_kerberos._udp.lab.test", resolver)).toEqual([dc1]);
  server.close();
});

test("other failures are the resolver's, and so is this one where nobody answers better", async () => {
  const missing = Object.assign(new Error("no"), { code: "ENOTFOUND" });
  const failing = (error: Error) => ({
    resolveSrv: () => Promise.reject(error),
    getServers: () => ["127.0.0.1:1"],
  });
  await expect(resolveSrv("x.test", failing(missing))).rejects.toBe(missing);
  await expect(resolveSrv("x.test", failing(badResponse))).rejects.toBe(badResponse);
});

const runs = Number(process.env.WAYBILL_FUZZ_RUNS ?? 100_000);
test("mutated answers are read or are none", { timeout: 60_000 + runs }, () => {
  const next = seeded(4711);
  for (let run = 0; run < runs; run++) {
    const seed = run % 2 === 0 ? compressed : whole;
    const records = decodeSrvAnswer(mutate(seed, next), queryOf(seed));
    for (const { name } of records ?? []) expect(name.length).toBeLessThan(256);
  }
});
