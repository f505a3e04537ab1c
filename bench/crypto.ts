import { benchCrypto } from "../packages/kerberos/bench/crypto.ts";
import type { BenchTable } from "./table.ts";

/** Kerberos encryption, checksums and key derivation beside plain node:crypto and an independent implementation. */
export async function run(): Promise<BenchTable> {
  return {
    title: "Kerberos crypto",
    unit: "µs",
    columns: ["held key", "fresh key", "node:crypto", "noble"],
    rows: benchCrypto().map(({ operation, held, fresh, node, noble }) => ({
      name: operation,
      values: [held, fresh, node, noble],
    })),
    note: "A held key has its derived keys at hand; node:crypto is the bare cipher and HMAC, the least it can cost.",
  };
}
