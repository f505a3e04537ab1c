import { LoadGenerator, type Operation, type Transport } from "./load.ts";
import { startOurs } from "./ours.ts";
import { type Contender, startHeimdal, startMit, startSamba } from "./rivals.ts";

/** CPU microseconds per request: medians, one for each contender; `undefined` where it has no such exchange or was not asked. */
export interface KdcMeasurement {
  readonly operation: Operation;
  readonly transport: Transport;
  readonly cpu: readonly (number | undefined)[];
  /** Requests per second of our one process, as far as the generator beside it lets it. */
  readonly rate: number;
}

const operations: readonly Operation[] = ["AS", "TGS", "S4U2Self", "S4U2Proxy"];
const unseen: readonly Operation[] = ["TGS unseen", "S4U2Self unseen"];
const rounds = 5;
const window = 4;
/** Until the engine has settled on its machine code; C has nothing to settle. */
const warmUp = { ours: 15_000, others: 50 };

interface Entrant {
  readonly start: () => Promise<Contender>;
  /** As many as give a steady figure: a slow server needs fewer. */
  readonly perRound: number;
  readonly operations: readonly Operation[];
  readonly transports: readonly Transport[];
}

const both = ["udp", "tcp"] as const;
const withoutProxy = ["AS", "TGS", "S4U2Self"] as const;

/** Ours first. Samba's longer answers do not fit into its datagrams: what is asked again over TCP counts too. */
const entrants: readonly Entrant[] = [
  { start: startOurs, perRound: 2000, operations: [...operations, ...unseen], transports: both },
  {
    start: async () => await startMit("db2"),
    perRound: 1000,
    operations: [...withoutProxy, ...unseen],
    transports: both,
  },
  { start: async () => await startMit("ldap"), perRound: 400, operations, transports: both },
  { start: startHeimdal, perRound: 400, operations, transports: both },
  { start: startSamba, perRound: 60, operations, transports: both },
];

export const entrantNames = ["@waybill/kdc", "MIT (DB2)", "MIT (LDAP)", "Heimdal", "Samba AD"] as const;

/** All KDCs in turn, so that a busy moment of the machine meets each of them. */
export async function benchKdc(): Promise<KdcMeasurement[]> {
  const contenders: Contender[] = [];
  try {
    for (const { start } of entrants) contenders.push(await start());
    const generators = contenders.map((contender) => new LoadGenerator(contender));
    const results: KdcMeasurement[] = [];
    for (const transport of both) {
      const asked = transport === "udp" ? [...operations, ...unseen] : operations;
      for (const operation of asked) results.push(await measure(operation, transport, generators));
    }
    return results;
  } finally {
    await Promise.all(contenders.map(async (contender) => await contender.stop()));
  }
}

async function measure(
  operation: Operation,
  transport: Transport,
  generators: readonly LoadGenerator[],
): Promise<KdcMeasurement> {
  const running = entrants.flatMap((entrant, index) => {
    const generator = generators[index];
    const takesPart = entrant.operations.includes(operation) && entrant.transports.includes(transport);
    return generator !== undefined && takesPart
      ? [{ index, generator, count: entrant.perRound, costs: [] as number[], rates: [] as number[] }]
      : [];
  });
  for (const { index, generator } of running) {
    const count = index > 0 ? warmUp.others : transport === "udp" ? warmUp.ours : 3000;
    await generator.prepare(operation, count);
    await generator.play(generator.build(operation, count), window, transport);
  }
  for (let round = 0; round < rounds; round++) {
    for (const { generator, count, costs, rates } of running) {
      await generator.prepare(operation, count);
      const played = await generator.play(generator.build(operation, count), window, transport);
      costs.push(played.cpuMicroseconds);
      rates.push(count / played.seconds);
    }
  }
  const cpu = entrants.map((_, at) => {
    const one = running.find(({ index }) => index === at);
    return one === undefined ? undefined : median(one.costs);
  });
  return { operation, transport, cpu, rate: median(running[0]?.rates ?? []) };
}

export function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? Number.NaN;
}
