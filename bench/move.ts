// A whole move beside a bare QMP migration of the same guest with the same options.
import type { BenchTable } from "./table.ts";

export async function run(): Promise<readonly BenchTable[]> {
  return [];
}
