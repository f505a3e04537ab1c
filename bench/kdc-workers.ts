import { benchWorkers } from "../packages/kdc/bench/scale.ts";
import type { BenchTable } from "./table.ts";

/** What a second worker of `waybill dc serve --workers` brings. */
export async function run(): Promise<BenchTable> {
  const measured = await benchWorkers();
  return {
    title: "KDC workers, CPU per request over UDP, 32 in flight",
    unit: "µs",
    columns: ["one process", "two workers"],
    rows: measured.map(({ operation, cpu, rate, capacity }) => ({
      name: `${operation} (${Math.round(rate.one)}/s, ${Math.round(rate.two)}/s here; ${capacity.toFixed(2)} × with a core each)`,
      values: [cpu.one, cpu.two],
    })),
    note:
      "The generator takes a core of this machine itself, so the rates are its, not the KDC's. With a core each: CPU of one process " +
      "over that of the busier of two workers.",
  };
}
