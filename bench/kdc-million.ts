import { benchSizes } from "../packages/kdc/bench/scale.ts";
import type { BenchTable } from "./table.ts";

/** A domain of a million accounts beside one of a thousand. */
export async function run(): Promise<readonly BenchTable[]> {
  const [small, large] = await benchSizes(1000, 1_000_000);
  if (small === undefined || large === undefined) return [];
  const columns = ["1,000,000 accounts", "1,000 accounts"];
  return [
    {
      title: "KDC over a large directory, CPU per request over UDP",
      unit: "µs",
      columns,
      rows: large.cpu.map(({ operation, microseconds }, at) => ({
        name: operation,
        values: [microseconds, small.cpu[at]?.microseconds],
      })),
      note: "Requests in the names of 2,000 accounts, or of all there are, spread evenly.",
    },
    {
      title: "KDC over a large directory, until it listens",
      unit: "ms",
      columns,
      rows: [
        { name: "from the start of the process", values: [large.readyMilliseconds, small.readyMilliseconds] },
      ],
    },
    {
      title: "KDC over a large directory, resident memory after the load",
      unit: "MiB",
      columns,
      rows: [
        {
          name: "with what is mapped of the store",
          values: [large.residentMebibytes, small.residentMebibytes],
        },
      ],
    },
  ];
}
