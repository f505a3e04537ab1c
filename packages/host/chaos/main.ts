import { parseArgs } from "node:util";
import { type MigrationStep, migrationSteps } from "../src/migration/steps.ts";
import { faults, strike } from "../test/support/strike.ts";
import { TwoHosts } from "../test/support/two-hosts.ts";
import { writingMachine } from "../test/support/writing-machine.ts";
import { ChaosTable } from "./chaos-table.ts";

/**
 * `npm run chaos [faults] [--seed n]`: random faults at random steps, on machines with and without disks to move. Every
 * fifth fault on a machine with a disk, and after the last, what the guest was told is on disk is looked for there.
 * Ends with 1 at the first violation, after the table of what came before it.
 */
const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: { seed: { type: "string", default: String(Date.now() % 1_000_000) } },
});
const wanted = Number(positionals[0] ?? 500);
if (!Number.isInteger(wanted) || wanted < 1) throw new RangeError("how many faults: a whole number");
/** Machines with and without a disk in turn: copying one takes longer than everything else. */
const perWorld = Math.min(25, Math.ceil(wanted / 2));

console.log(`${wanted} faults, seed ${values.seed}`);
const random = seeded(Number(values.seed));
const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
const table = new ChaosTable();

const begun = Date.now();
/** Interrupted, it leaves no host and no machine behind. */
let current: TwoHosts | undefined;
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void (current?.close() ?? Promise.resolve()).finally(() => process.exit(1)));
let done = 0;
try {
  while (done < wanted) await world(Math.floor(done / perWorld) % 2 === 1);
} catch (error) {
  process.exitCode = 1;
  console.error(error instanceof Error ? error.message : error);
}
console.log(table.format());
const [minutes, all] = [(Date.now() - begun) / 60_000, `${done} of ${wanted} faults`];
console.log(
  `${all} in ${minutes.toFixed(1)} minutes${process.exitCode === 1 ? "; ended by a violation" : ""}.`,
);
process.exit();

/** Two hosts and a machine of their own, and as many faults as one such world takes. */
async function world(withDisks: boolean): Promise<void> {
  const disk = withDisks ? writingMachine() : undefined;
  const hosts = await TwoHosts.start(disk === undefined ? {} : { machine: disk.describe });
  current = hosts;
  try {
    const until = Math.min(wanted, done + perWorld);
    for (let sinceLook = 0; done < until; ) {
      const wish = { step: pick(steps(withDisks)), fault: pick(faults), withDisks };
      const result = await strike(hosts, wish);
      table.add(wish, result);
      if (hosts.copies.violations.length > 0)
        throw new Error(
          `${wish.fault} at ${wish.step}: two copies ran: ${hosts.copies.violations[0]}\n${hosts.logs()}`,
        );
      if (!result.struck) continue;
      done++;
      if (done % 10 === 0) process.stderr.write(`${done}/${wanted}\n`);
      if (disk === undefined || (++sinceLook % 5 > 0 && done < until)) continue;
      const lost = await disk.lostWrites(hosts);
      table.looked();
      if (lost !== undefined) throw new Error(`${wish.fault} at ${wish.step}: ${lost}\n${hosts.logs()}`);
    }
  } finally {
    await hosts.close();
  }
}

function steps(withDisks: boolean): MigrationStep[] {
  return migrationSteps.filter((step) => withDisks || !/disks|storage/.test(step));
}

/** Mulberry32: the same seed gives the same faults in the same order. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}
