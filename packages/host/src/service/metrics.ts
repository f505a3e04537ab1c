import { createServer } from "node:http";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { HostError } from "../errors.ts";
import type { Journal } from "../journal/journal.ts";
import type { JobStore, MigrationJob } from "./jobs.ts";
import { isOver } from "./jobs.ts";
import type { Slots } from "./slots.ts";

export interface MetricsParts {
  readonly journal: Journal;
  readonly jobs: JobStore;
  readonly slots: Slots;
  readonly incomingSlots: Slots;
}

/** What a host tells Prometheus. Names of people and machines are no labels. */
export class HostMetrics {
  readonly registry = new Registry();
  readonly #moves = new Counter({
    name: "waybill_migrations_total",
    help: "Migrations away from this host that have ended.",
    labelNames: ["outcome", "storage"],
    registers: [this.registry],
  });
  readonly #duration = new Histogram({
    name: "waybill_migration_seconds",
    help: "Length of completed migrations away from this host, queueing excluded.",
    buckets: [0.5, 1, 2, 5, 10, 30, 60, 300, 1800],
    registers: [this.registry],
  });
  readonly #downtime = new Histogram({
    name: "waybill_migration_downtime_seconds",
    help: "How long completed migrations stopped the guest, as QEMU counts.",
    buckets: [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 5],
    registers: [this.registry],
  });

  constructor({ journal, jobs, slots, incomingSlots }: MetricsParts) {
    collectDefaultMetrics({ register: this.registry });
    this.#gauge("waybill_migrations_running", "Migrations away from this host under way.", () => slots.taken);
    this.#gauge("waybill_migrations_queued", "Migrations that wait for a free slot.", () => slots.waiting);
    this.#gauge(
      "waybill_migrations_incoming",
      "Migrations to this host under way.",
      () => incomingSlots.taken,
    );
    this.#gauge("waybill_machines", "Virtual machines of this host.", () => journal.vms().length);
    this.#gauge(
      "waybill_machines_unsettled",
      "Machines on their way here, or given up and waiting for the destination's word.",
      () => journal.vms().filter(({ custody }) => custody.state !== "owner").length,
    );
    jobs.onEnd((job) => this.#count(job));
  }

  #count(job: MigrationJob): void {
    if (job.kind !== "move" || !isOver(job.state)) return;
    this.#moves.inc({ outcome: job.state, storage: String(job.withDisks) });
    if (job.state !== "completed") return;
    this.#duration.observe(((job.ended ?? 0) - (job.started ?? job.created)) / 1000);
    if (job.report !== undefined) this.#downtime.observe(job.report.summary.downtime / 1000);
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(read());
      },
    });
  }
}

/** Serves `/metrics` in clear: the address in the configuration decides who may read it. */
export async function listenMetrics(
  metrics: HostMetrics,
  { address, port }: { readonly address: string; readonly port: number },
): Promise<() => Promise<void>> {
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    if (request.method !== "GET" || request.url !== "/metrics") {
      response.writeHead(404).end();
      return;
    }
    metrics.registry.metrics().then(
      (text) => response.writeHead(200, { "content-type": metrics.registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new HostError(`cannot listen on ${address} port ${port} for metrics`, {
          code: "METRICS_LISTEN_FAILED",
          family: "environment",
          facts: { address, port },
          remedy: "Choose another address or port under metrics.",
          cause,
        }),
      ),
    );
    server.listen(port, address, resolve);
  });
  return async () => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
}
