import { benchExamination, benchPredictions } from "../packages/doctor/bench/doctor.ts";
import type { BenchTable } from "./table.ts";

/** How long the doctor takes over a large directory, and over every cell of a large matrix. */
export async function run(): Promise<BenchTable[]> {
  const read = await benchExamination();
  const { seconds, cells } = benchPredictions();
  return [
    {
      title: "Doctor, 100,000 accounts, 500 hosts, 2,000 delegation entries",
      unit: "s",
      columns: ["read from LDIF", "examined", "both"],
      rows: [
        {
          name: `${read.findings} findings`,
          values: [read.loadSeconds, read.examineSeconds, read.loadSeconds + read.examineSeconds],
        },
      ],
      note: `Largest resident set ${Math.round(read.memory)} MiB.`,
    },
    {
      title: "Doctor, 1,000 hosts × 999 × 50 people",
      unit: "s",
      columns: ["predicted"],
      rows: [{ name: `${cells} cells`, values: [seconds] }],
      note: "Without making the directory.",
    },
  ];
}
