import { benchKdc } from "../packages/kdc/bench/kdc.ts";
import type { BenchTable } from "./table.ts";

/** What a request costs the KDC, beside MIT's krb5kdc on the same machine in the same run. */
export async function run(): Promise<BenchTable> {
  const measured = await benchKdc();
  return {
    title: "KDC, CPU per request over UDP",
    unit: "µs",
    columns: ["@waybill/kdc", "MIT krb5kdc (DB2)"],
    rows: measured.map(({ operation, ours, mit, rate }) => ({
      name: `${operation} (${Math.round(rate)}/s)`,
      values: [ours, mit],
    })),
    note: "Ours with a whole PAC, MIT's without logon information and audit writes. MIT's DB2 has no S4U2Proxy.",
  };
}
