import { benchTestDomain, testDomainLimit } from "../packages/kdc/bench/test-domain.ts";
import type { BenchTable } from "./table.ts";

/** What a domain of its own costs a test. Fails when it is no longer cheap. */
export async function run(): Promise<BenchTable> {
  const measured = await benchTestDomain();
  const slow = measured.filter(({ cpu }) => cpu >= testDomainLimit);
  if (slow.length > 0) process.exitCode = 1;
  return {
    title: "createTestDomain()",
    unit: "ms",
    columns: ["by the clock", "CPU"],
    rows: measured.map(({ name, wall, cpu }) => ({ name, values: [wall, cpu] })),
    note:
      slow.length === 0
        ? `All below ${testDomainLimit} ms of CPU.`
        : `TOO SLOW: ${slow.map(({ name }) => name).join(", ")} take ${testDomainLimit} ms of CPU and more.`,
  };
}
