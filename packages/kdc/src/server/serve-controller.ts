import cluster, { type Worker } from "node:cluster";
import { type Logger, silentLogger, sleep } from "@waybill/base";
import { AggregatorRegistry } from "prom-client";
import { DomainController, type DomainControllerOptions, defaultRequestRate } from "./domain-controller.ts";

export interface ServeControllerOptions extends DomainControllerOptions {
  /** Processes that answer KDC requests beside the one with LDAP. 1: everything in one process. */
  readonly workers: number;
  /** Told once everything listens. */
  readonly onReady?: ((controller: DomainController) => void) | undefined;
  /** Ends the service. */
  readonly signal: AbortSignal;
}

const restartDelay = 1000;
const stopGrace = 10_000;

/**
 * Runs a domain controller until the signal fires. With several workers the first process keeps LDAP and metrics and
 * starts copies of itself (`node:cluster`) that share the KDC's sockets and the store; call this in every one of them.
 */
export async function serveController(options: ServeControllerOptions): Promise<void> {
  const { signal } = options;
  if (cluster.isWorker) return await serveWorker(options);
  if (options.workers <= 1) {
    const controller = await DomainController.start(options);
    options.onReady?.(controller);
    await aborted(signal);
    await controller.stop();
    return;
  }
  const aggregate = new AggregatorRegistry();
  const controller = await DomainController.start({
    ...options,
    ports: { ...options.ports, kdc: false },
    readMetrics: async () => await aggregate.clusterMetrics(),
  });
  const workers = new WorkerGroup(options);
  try {
    await workers.start();
    options.onReady?.(controller);
    await aborted(signal);
  } finally {
    await workers.stop();
    await controller.stop();
  }
}

async function serveWorker(options: ServeControllerOptions): Promise<void> {
  // Only the process that was started by a person hears the signals of a terminal.
  const ports = { ...options.ports, ldap: false, ldaps: false, metrics: false } as const;
  const requestRate = shareOf(options.requestRate, options.workers);
  const controller = await DomainController.start({ ...options, ports, requestRate, ldapi: false });
  AggregatorRegistry.setRegistries(controller.metrics.registry);
  const answers = new AggregatorRegistry();
  void answers;
  process.send?.("waybill-ready");
  await new Promise<void>((resolve) => {
    process.once("disconnect", resolve);
    process.on("message", (message) => {
      if (message === "waybill-stop") resolve();
    });
    options.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await controller.stop();
  if (process.connected) process.disconnect();
}

/** Every worker sees its part of a client's requests. */
function shareOf(
  rate: DomainControllerOptions["requestRate"] = defaultRequestRate,
  workers: number,
): DomainControllerOptions["requestRate"] {
  if (rate === false) return false;
  return { ...rate, perSecond: rate.perSecond / workers, burst: Math.ceil(rate.burst / workers) };
}

/** The copies of this process; one that dies is replaced. */
class WorkerGroup {
  readonly #count: number;
  readonly #log: Logger;
  #stopping = false;

  constructor(options: ServeControllerOptions) {
    this.#count = options.workers;
    this.#log = options.log ?? silentLogger;
  }

  async start(): Promise<void> {
    // Handed-out connections would cost as much as answering them: every worker accepts for itself.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    cluster.on("exit", (worker, code, signal) => {
      if (this.#stopping) return;
      this.#log.error("dc.worker-died", { pid: worker.process.pid, code, signal });
      sleep(restartDelay).then(
        () => (this.#stopping ? undefined : this.#fork()),
        () => {},
      );
    });
    await Promise.all(Array.from({ length: this.#count }, async () => await this.#fork()));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
    await Promise.all(workers.map(async (worker) => await stopWorker(worker)));
  }

  async #fork(): Promise<void> {
    const worker = cluster.fork();
    await new Promise<void>((resolve) => {
      worker.on("message", (message) => {
        if (message === "waybill-ready") resolve();
      });
      worker.once("exit", () => resolve());
    });
    this.#log.info("dc.worker", { pid: worker.process.pid });
  }
}

async function stopWorker(worker: Worker): Promise<void> {
  if (worker.isDead()) return;
  const gone = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  const hard = setTimeout(() => worker.process.kill("SIGKILL"), stopGrace);
  worker.send("waybill-stop");
  await gone;
  clearTimeout(hard);
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
