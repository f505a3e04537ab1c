import { median } from "./kdc.ts";
import { cpuMicroseconds, LoadGenerator, type Operation, withChildren } from "./load.ts";
import { BenchState, type ServedState } from "./served-state.ts";

export interface WorkerMeasurement {
  readonly operation: Operation;
  /** CPU microseconds per request of all of the processes. */
  readonly cpu: { readonly one: number; readonly two: number };
  /** Requests per second on this machine, the generator beside them. */
  readonly rate: { readonly one: number; readonly two: number };
  /**
   * Throughput of two workers over that of one when each has a core to itself: from the CPU a request takes, and
   * from the share of the busier worker.
   */
  readonly capacity: number;
}

const rounds = 5;
const perRound = 4000;
const warmUp = 30_000;
const window = 32;

/** One worker and two over the same state, in turn. */
export async function benchWorkers(): Promise<WorkerMeasurement[]> {
  const state = await BenchState.fill(1000);
  const one = await state.serve(1);
  const two = await state.serve(2);
  try {
    const results: WorkerMeasurement[] = [];
    for (const operation of ["TGS", "S4U2Self"] as const) results.push(await compare(operation, one, two));
    return results;
  } finally {
    await Promise.all([one.stop(), two.stop()]);
    state.remove();
  }
}

async function compare(operation: Operation, one: ServedState, two: ServedState): Promise<WorkerMeasurement> {
  const single = await ready(operation, one);
  const double = await ready(operation, two);
  const [, ...workers] = two.pids.flatMap(withChildren);
  const cpu = { one: [] as number[], two: [] as number[] };
  const rate = { one: [] as number[], two: [] as number[] };
  const busiest: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const alone = await single.play(single.build(operation, perRound), window);
    cpu.one.push(alone.cpuMicroseconds);
    rate.one.push(perRound / alone.seconds);
    const requests = double.build(operation, perRound);
    const before = workers.map(cpuMicroseconds);
    const shared = await double.play(requests, window);
    cpu.two.push(shared.cpuMicroseconds);
    rate.two.push(perRound / shared.seconds);
    busiest.push(Math.max(...workers.map((pid, at) => cpuMicroseconds(pid) - (before[at] ?? 0))) / perRound);
  }
  return {
    operation,
    cpu: { one: median(cpu.one), two: median(cpu.two) },
    rate: { one: median(rate.one), two: median(rate.two) },
    capacity: median(cpu.one) / median(busiest),
  };
}

async function ready(operation: Operation, served: ServedState): Promise<LoadGenerator> {
  const generator = new LoadGenerator(served);
  await generator.prepare(operation, warmUp);
  for (let done = 0; done < warmUp; done += 5000)
    await generator.play(generator.build(operation, 5000), window);
  return generator;
}

export interface SizeMeasurement {
  readonly accounts: number;
  readonly readyMilliseconds: number;
  readonly residentMebibytes: number;
  readonly cpu: readonly { readonly operation: Operation; readonly microseconds: number }[];
}

/** A small directory and a large one, in turn; requests come from 2,000 accounts spread over all of them. */
export async function benchSizes(small: number, large: number): Promise<readonly SizeMeasurement[]> {
  const states = [await BenchState.fill(small), await BenchState.fill(large)];
  const served: ServedState[] = [];
  try {
    for (const state of states) served.push(await state.serve(1));
    const costs = served.map(() => new Map<Operation, number[]>());
    for (const operation of ["AS", "TGS", "S4U2Self"] as const) {
      const generators: LoadGenerator[] = [];
      for (const each of served) generators.push(await ready(operation, each));
      for (let round = 0; round < rounds; round++) {
        for (const [at, generator] of generators.entries()) {
          const { cpuMicroseconds } = await generator.play(generator.build(operation, perRound), 4);
          costs[at]?.set(operation, [...(costs[at]?.get(operation) ?? []), cpuMicroseconds]);
        }
      }
    }
    return served.map((each, at) => ({
      accounts: [small, large][at] ?? 0,
      readyMilliseconds: each.readyMilliseconds,
      residentMebibytes: each.residentMebibytes(),
      cpu: [...(costs[at] ?? [])].map(([operation, list]) => ({ operation, microseconds: median(list) })),
    }));
  } finally {
    await Promise.all(served.map(async (each) => await each.stop()));
    for (const state of states) state.remove();
  }
}
