import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { parseKeytab } from "@waybill/kerberos";
import { build } from "esbuild";
import { LoadGenerator, type LoadTarget, type Operation } from "./load.ts";
import { startMitKdc } from "./mit-kdc.ts";

export interface KdcMeasurement {
  readonly operation: Operation;
  /** Medians of CPU microseconds per request over UDP, four in flight. */
  readonly ours: number;
  readonly mit: number | undefined;
  /** Requests per second of one process. */
  readonly rate: number;
}

const operations: readonly Operation[] = ["AS", "TGS", "S4U2Self", "S4U2Proxy"];
const rounds = 5;
const perRound = 2000;
const warmUp = 6000;
const window = 4;

/** Our KDC beside MIT's, in turn, so that a busy moment of the machine meets both. */
export async function benchKdc(): Promise<KdcMeasurement[]> {
  const ours = await startOurs(mkdtempSync(join(tmpdir(), "waybill-bench-")));
  const mit = await startMitKdc(mkdtempSync(join(tmpdir(), "waybill-bench-")));
  try {
    const generators = { ours: new LoadGenerator(ours), mit: new LoadGenerator(mit) };
    const results: KdcMeasurement[] = [];
    for (const operation of operations) results.push(await measure(operation, generators));
    return results;
  } finally {
    await ours.stop();
    await mit.stop();
  }
}

async function measure(
  operation: Operation,
  generators: { readonly ours: LoadGenerator; readonly mit: LoadGenerator },
): Promise<KdcMeasurement> {
  const { ours, mit } = generators;
  const comparable = operation !== "S4U2Proxy";
  await ours.prepare(operation);
  if (comparable) await mit.prepare(operation);
  await ours.play(ours.build(operation, warmUp), window);
  const costs = { ours: [] as number[], mit: [] as number[] };
  const rates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const own = await ours.play(ours.build(operation, perRound), window);
    costs.ours.push(own.cpuMicroseconds);
    rates.push(perRound / own.seconds);
    if (comparable) costs.mit.push((await mit.play(mit.build(operation, perRound), window)).cpuMicroseconds);
  }
  return {
    operation,
    ours: median(costs.ours),
    mit: comparable ? median(costs.mit) : undefined,
    rate: median(rates),
  };
}

async function startOurs(dir: string): Promise<LoadTarget & { stop(): Promise<void> }> {
  const host = "127.0.0.1";
  const port = randomInt(20_000, 60_000);
  const script = join(dir, "serve.mjs");
  await bundle(join(import.meta.dirname, "serve.ts"), script);
  const child = spawn(process.execPath, [script, dir, host, String(port)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface(child.stdout)) if (line.startsWith("ready")) break;
  return {
    realm: "LAB.TEST",
    host,
    port,
    pid: child.pid ?? 0,
    users: parseKeytab(readFileSync(join(dir, "users.keytab"))),
    services: parseKeytab(readFileSync(join(dir, "services.keytab"))),
    middle: "WEB$",
    service: "HTTP/web.lab.test",
    proxyTarget: "cifs/file.lab.test",
    stop: async () => {
      child.kill("SIGTERM");
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** One file, as `waybill dc` is installed: without a loader that compiles. */
async function bundle(source: string, file: string): Promise<void> {
  // Native packages stay outside; they are found through a link, for the file lies in a directory of its own.
  symlinkSync(join(import.meta.dirname, "../../../node_modules"), join(dirname(file), "node_modules"));
  await build({
    entryPoints: [source],
    outfile: file,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["@waybill/source"],
    external: ["lmdb"],
    banner: {
      js: 'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);',
    },
    logLevel: "warning",
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? Number.NaN;
}
