import { serveController } from "../../src/index.ts";

// A controller in processes of its own, to be shot at. Arguments: state directory, address, workers.
const [state = "", host = "127.0.0.1", workers = "2"] = process.argv.slice(2);
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
await serveController({
  state,
  host,
  workers: Number(workers),
  ports: { kkdcp: 8443 },
  signal: stop.signal,
  onReady: () => process.stdout.write("ready\n"),
});
