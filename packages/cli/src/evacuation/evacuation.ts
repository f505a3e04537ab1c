import { sleep, WaybillError } from "@waybill/base";
import type { HyperVClient, JobHandle, MigrationRequest, VirtualMachine } from "@waybill/hyperv";
import { type Candidate, withRoom } from "./destinations.ts";

/** What became of one machine. */
export type Fate =
  | { readonly vm: string; readonly destination: string; readonly moved: true }
  | { readonly vm: string; readonly destination: string; readonly moved: false; readonly planned: true }
  | { readonly vm: string; readonly destination?: string; readonly moved: false; readonly error: unknown };

export interface EvacuationOptions {
  readonly source: string;
  readonly storage: boolean;
  readonly parallel: number;
  readonly dryRun: boolean;
  withSource<T>(work: (client: HyperVClient) => Promise<T>): Promise<T>;
  onFate(fate: Fate): void;
  onTry(vm: string, destination: string): void;
}

/** How often a destination at its limit is asked again, in ms, and for how long. */
const limitPause = 1000;
const limitPatience = 30 * 60_000;

/** Moves machines away, the largest first, each to the emptiest host that takes it. */
export class Evacuation {
  readonly #options: EvacuationOptions;
  readonly #candidates: readonly Candidate[];
  readonly #jobs = new Set<JobHandle>();
  #stopping = false;

  constructor(candidates: readonly Candidate[], options: EvacuationOptions) {
    this.#candidates = candidates;
    this.#options = options;
  }

  async run(machines: readonly VirtualMachine[]): Promise<void> {
    const waiting = machines.toSorted((left, right) => bytesOf(right) - bytesOf(left));
    const worker = async (): Promise<void> => {
      for (let vm = waiting.shift(); vm !== undefined && !this.#stopping; vm = waiting.shift())
        this.#options.onFate(await this.#place(vm));
    };
    await Promise.all(Array.from({ length: Math.max(1, this.#options.parallel) }, worker));
  }

  /** Begins nothing more, and asks the host to cancel what is under way; `run` ends when it has said what became of it. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#jobs].map(async (job) => await job.cancel()));
  }

  async #place(vm: VirtualMachine): Promise<Fate> {
    const bytes = bytesOf(vm);
    let failure: { readonly destination: string; readonly error: unknown } | undefined;
    for (const candidate of withRoom(this.#candidates, bytes)) {
      if (this.#stopping) break;
      const { host: destination } = candidate;
      candidate.memoryFree -= bytes;
      try {
        this.#options.onTry(vm.name, destination);
        await this.#options.withSource(async (client) => await this.#move(client, vm, destination));
        return this.#options.dryRun
          ? { vm: vm.name, destination, moved: false, planned: true }
          : { vm: vm.name, destination, moved: true };
      } catch (error) {
        candidate.memoryFree += bytes;
        failure = { destination, error };
      }
    }
    return { vm: vm.name, moved: false, ...(failure ?? { error: this.#stopping ? stopped() : noRoom(vm) }) };
  }

  async #move(client: HyperVClient, vm: VirtualMachine, destinationHost: string): Promise<void> {
    const { storage, dryRun } = this.#options;
    const request: MigrationRequest = {
      vmId: vm.id,
      destinationHost,
      type: storage ? "vmAndStorage" : "vm",
    };
    const end = Date.now() + limitPatience;
    const check = await client.checkMigratable(request);
    // A limit that is reached now is only a reason to wait.
    const wrong = check.findings.find(
      ({ severity, check: name }) => severity === "error" && name !== "limits",
    );
    if (wrong !== undefined || (!check.migratable && check.findings.length === 0)) {
      const [error] = check.errors;
      const message = wrong?.message ?? error?.message ?? `${destinationHost} would not take it`;
      const remedy = wrong?.remedy ?? error?.remedies[0];
      throw new WaybillError(message, {
        code: wrong?.code ?? "CHECK_FAILED",
        family: "environment",
        ...(remedy === undefined ? {} : { remedy }),
      });
    }
    if (dryRun) return;
    for (;;) {
      try {
        return await this.#follow(await client.migrate(request));
      } catch (error) {
        const full = error instanceof WaybillError && error.code === "MIGRATION_LIMIT";
        if (!full || this.#stopping || Date.now() > end) throw error;
        await sleep(limitPause);
      }
    }
  }

  async #follow(job: JobHandle): Promise<void> {
    this.#jobs.add(job);
    try {
      if (this.#stopping) await job.cancel();
      await job.wait();
    } finally {
      this.#jobs.delete(job);
    }
  }
}

function bytesOf({ memoryMiB }: VirtualMachine): number {
  return (memoryMiB ?? 0) * (1 << 20);
}

function noRoom(vm: VirtualMachine): WaybillError {
  return new WaybillError(`no host has ${vm.memoryMiB ?? 0} MiB of memory left for it`, {
    code: "NO_DESTINATION",
    family: "environment",
    remedy: "Make room on another host, or name a destination with --to.",
  });
}

function stopped(): WaybillError {
  return new WaybillError("it was not begun: the evacuation was interrupted", {
    code: "ABORTED",
    family: "caller",
    remedy: "Run the command again to go on.",
  });
}
