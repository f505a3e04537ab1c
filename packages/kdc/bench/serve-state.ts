import { serveController } from "../src/index.ts";

/** A domain controller as `waybill dc serve` runs it. Prints `ready` and the milliseconds since the process began. */
const [state = "", host = "127.0.0.1", workers = "1"] = process.argv.slice(2);
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
await serveController({
  state,
  host,
  workers: Number(workers),
  maxDatagram: 0,
  signal: stop.signal,
  onReady: () => process.stdout.write(`ready ${Math.round(performance.now())}\n`),
});
