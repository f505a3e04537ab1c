import { type BenchTable, formatBenchTable } from "./table.ts";

interface BenchModule {
  readonly run: () => Promise<BenchTable | readonly BenchTable[]>;
}

/** `npm run bench` runs all of them, `npm run bench asn1 gss` those. */
const benches: Readonly<Record<string, () => Promise<BenchModule>>> = {
  asn1: () => import("./asn1.ts"),
  "control-plane": () => import("./control-plane.ts"),
  crypto: () => import("./crypto.ts"),
  doctor: () => import("./doctor.ts"),
  gss: () => import("./gss.ts"),
  kdc: () => import("./kdc.ts"),
  "kdc-million": () => import("./kdc-million.ts"),
  "kdc-workers": () => import("./kdc-workers.ts"),
  kerberos: () => import("./kerberos.ts"),
  move: () => import("./move.ts"),
  "test-domain": () => import("./test-domain.ts"),
};

async function main(wanted: readonly string[]): Promise<number> {
  const names = wanted.filter((name) => !name.startsWith("-"));
  const unknown = names.filter((name) => !Object.hasOwn(benches, name));
  if (unknown.length > 0) {
    process.stderr.write(
      `no bench is called ${unknown.join(", ")}; there are ${Object.keys(benches).join(", ")}\n`,
    );
    return 2;
  }
  for (const [name, load] of Object.entries(benches)) {
    if (names.length > 0 && !names.includes(name)) continue;
    const { run } = await load();
    for (const table of [await run()].flat()) process.stdout.write(`${formatBenchTable(table)}\n\n`);
  }
  return 0;
}

const code = await main(process.argv.slice(2));
// A bench that found its target missed has said so already.
if (code !== 0) process.exitCode = code;
