import { benchKdc, entrantNames } from "../packages/kdc/bench/kdc.ts";
import type { BenchTable } from "./table.ts";

/** What a request costs the KDC, beside the KDCs that Debian packages, on the same machine in the same run. */
export async function run(): Promise<readonly BenchTable[]> {
  const measured = await benchKdc();
  return (["udp", "tcp"] as const).map((transport) => ({
    title: `KDC, CPU per request over ${transport.toUpperCase()}${transport === "tcp" ? ", a connection each" : ""}`,
    unit: "µs",
    columns: entrantNames,
    rows: measured
      .filter((row) => row.transport === transport)
      .map(({ operation, cpu, rate }) => ({ name: `${operation} (${Math.round(rate)}/s)`, values: cpu })),
    note:
      'Every request is new to the KDC; tickets are shown again, as clients do, unless "unseen". Ours has the whole PAC, MIT\'s neither logon ' +
      "information nor audit writes, Heimdal's none. Only its LDAP back end, here with slapd, gives MIT S4U2Proxy.",
  }));
}
