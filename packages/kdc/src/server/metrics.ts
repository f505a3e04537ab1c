import { createServer } from "node:http";
import type { Logger } from "@waybill/base";
import { errorCodeName } from "@waybill/kerberos";
import { Counter, Gauge, Registry } from "prom-client";
import type { KdcEvent } from "../exchanges/kdc-context.ts";
import { listen } from "./listen.ts";
import type { ListeningServer } from "./request-handler.ts";

/** Counters of one process, in Prometheus' terms. */
export class KdcMetrics {
  readonly registry = new Registry();
  readonly #requests: Counter<"exchange" | "outcome" | "reason" | "code">;

  constructor(gauges: Readonly<Record<string, () => number>> = {}) {
    this.#requests = new Counter({
      name: "waybill_kdc_requests_total",
      help: "Requests to the KDC and its password service, by exchange and outcome; refusals by named reason.",
      labelNames: ["exchange", "outcome", "reason", "code"],
      registers: [this.registry],
    });
    for (const [name, read] of Object.entries(gauges)) {
      new Gauge({
        name: `waybill_kdc_${name}`,
        help: `Current ${name.replaceAll("_", " ")}.`,
        registers: [this.registry],
        collect() {
          this.set(read());
        },
      });
    }
  }

  count(event: KdcEvent): void {
    const { exchange, outcome, reason = "", errorCode } = event;
    const code = errorCode === undefined ? "" : errorCodeName(errorCode);
    this.#requests.inc({ exchange, outcome, reason, code });
  }
}

/** Serves `/metrics` over HTTP. */
export async function listenMetrics(options: {
  readonly host: string;
  readonly port: number;
  readonly read: () => Promise<string>;
  readonly log: Logger;
}): Promise<ListeningServer> {
  const { host, port, read, log } = options;
  const server = createServer((request, response) => {
    if (request.url !== "/metrics") {
      response.writeHead(404, { "content-length": 0 }).end();
      return;
    }
    read().then(
      (text) =>
        response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(text),
      () => response.writeHead(500, { "content-length": 0 }).end(),
    );
  });
  server.requestTimeout = 10_000;
  return await listen(server, {
    service: "metrics",
    host,
    port,
    log,
    closeConnections: () => server.closeAllConnections(),
  });
}
