import { benchExamination, benchPredictions } from "../packages/doctor/bench/doctor.ts";
import type { BenchTable } from "./table.ts";

const size = "100,000 accounts, 500 hosts, 2,000 delegation entries";

/** How long the doctor takes over a large directory, and over every cell of a large matrix. */
export async function run(): Promise<BenchTable[]> {
  const { ldif, ldap } = await benchExamination();
  const { seconds, cells } = benchPredictions();
  return [
    {
      title: `Doctor, whole process: ${size}`,
      unit: "s",
      columns: ["elapsed"],
      rows: [
        { name: `waybill doctor --ldif (${ldif.cpu.toFixed(1)} s of CPU)`, values: [ldif.seconds] },
        { name: `waybill doctor, over LDAP (${ldap.cpu.toFixed(1)} s of CPU)`, values: [ldap.seconds] },
      ],
      note: "An export as ldapsearch writes it, 110 MB. Over LDAP: signed and sealed with a ticket, the controller's clock and settings asked too; the elapsed time is also our own server's.",
    },
    {
      title: `Doctor, largest resident set: ${size}`,
      unit: "MiB",
      columns: ["process"],
      rows: [
        { name: "waybill doctor --ldif", values: [ldif.memory] },
        { name: "waybill doctor, over LDAP", values: [ldap.memory] },
      ],
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
