import { createTestDomain } from "../src/testing/index.ts";

export interface TestDomainMeasurement {
  readonly name: string;
  /** Milliseconds on the clock, a median; nearly all of it is computing. */
  readonly wall: number;
  /** Milliseconds of CPU, a median. */
  readonly cpu: number;
}

/** What a test pays for a domain of its own. */
export const testDomainLimit = 50;

const rounds = 25;

/** `createTestDomain` as tests call it: the first one of a process, the ones after it, and with sockets. */
export async function benchTestDomain(): Promise<TestDomainMeasurement[]> {
  const people = Array.from({ length: 20 }, (_, index) => `user${index}`);
  const small = async (): Promise<void> => {
    const domain = await createTestDomain({ users: ["alice", "bob"], computers: ["KVM01", "KVM02"] });
    await domain.close();
  };
  return [
    await measure("first in a process", 1, small),
    await measure("2 users, 2 computers", rounds, small),
    await measure("20 users, 2 computers", rounds, async () => {
      await (await createTestDomain({ users: people, computers: ["KVM01", "KVM02"] })).close();
    }),
    await measure("on sockets", rounds, async () => {
      await (await createTestDomain({ users: ["alice"], computers: ["KVM01"], sockets: true })).close();
    }),
  ];
}

async function measure(
  name: string,
  count: number,
  work: () => Promise<void>,
): Promise<TestDomainMeasurement> {
  const wall: number[] = [];
  const cpu: number[] = [];
  for (let round = 0; round < count; round++) {
    const used = process.cpuUsage();
    const start = performance.now();
    await work();
    wall.push(performance.now() - start);
    const { user, system } = process.cpuUsage(used);
    cpu.push((user + system) / 1000);
  }
  return { name, wall: median(wall), cpu: median(cpu) };
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? Number.NaN;
}
