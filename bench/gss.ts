import { benchGss } from "../packages/kerberos/bench/gss.ts";
import type { BenchTable } from "./table.ts";

/** Message protection beside MIT's libgssapi on one context, PACs and whole contexts. */
export async function run(): Promise<BenchTable> {
  return {
    title: "GSS-API and PACs",
    unit: "µs",
    columns: ["@waybill/kerberos", "libgssapi_krb5"],
    rows: (await benchGss()).map(({ operation, ours, libkrb5 }) => ({
      name: operation,
      values: [ours, libkrb5],
    })),
  };
}
