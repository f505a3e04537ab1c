import { parseArgs } from "node:util";
import { type MigrationStep, migrationSteps } from "../src/migration/steps.ts";
import { faults, strike } from "../test/support/strike.ts";
import { TwoHosts } from "../test/support/two-hosts.ts";
import { writingMachine } from "../test/support/writing-machine.ts";
import { ChaosTable } from "./chaos-table.ts";

/** `npm run chaos [faults] [--seed n]`: random faults at random steps, on machines with and without disks to move. */
const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: { seed: { type: "string", default: String(Date.now() % 1_000_000) } },
});
const wanted = Number(positionals[0] ?? 500);
/** A machine with a disk every so often: copying one takes longer than everything else. */
const perWorld = 50;

console.log(`${wanted} faults, seed ${values.seed}`);
const random = seeded(Number(values.seed));
const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
const table = new ChaosTable();

for (let done = 0; done < wanted; ) {
  const disk = Math.floor(done / perWorld) % 2 === 1 ? writingMachine() : undefined;
  const world = await TwoHosts.start(disk === undefined ? {} : { machine: disk.describe });
  try {
    const until = Math.min(wanted, done + perWorld);
    while (done < until) {
      const wish = {
        step: pick(steps(disk !== undefined)),
        fault: pick(faults),
        withDisks: disk !== undefined,
      };
      const result = await strike(world, wish);
      if (result.struck) done++;
      table.add(wish, result);
      if (world.copies.violations.length > 0)
        throw new Error(`two copies ran: ${world.copies.violations[0]}`);
      // What the guest was told is on disk must be there, wherever the disk is now.
      const lost = done % 5 === 0 ? await disk?.lostWrites(world) : undefined;
      if (lost !== undefined) throw new Error(lost);
      if (process.stderr.isTTY) process.stderr.write(`\r${done}/${wanted} `);
    }
  } catch (error) {
    console.error(table.format());
    console.error(world.logs());
    await world.close();
    throw error;
  }
  await world.close();
}
console.log(table.format());

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
