import { benchClient } from "../packages/kerberos/bench/client.ts";
import type { BenchTable } from "./table.ts";

/** The exchanges of a client beside libkrb5 in a process of its own, on the same KDCs in one run. */
export async function run(): Promise<BenchTable> {
  return {
    title: "Kerberos exchanges",
    unit: "ms",
    columns: ["@waybill/kerberos", "libkrb5", "kvno process", "Impacket process"],
    rows: (await benchClient()).map(({ kdc, exchange, ours, libkrb5, kvno, impacket }) => ({
      name: `${exchange} at ${kdc}`,
      values: [ours, libkrb5, kvno, impacket],
    })),
    note: "A kvno process does S4U2Self and S4U2Proxy, its start included; an Impacket process a login alone.",
  };
}
