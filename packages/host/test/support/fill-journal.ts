import { appendFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Journal, type MigrationRecord } from "../../src/journal/journal.ts";

/** Fills a disk and then the journal on it, makes room again, and tells what it saw; `argv`: the journal's folder. */
const directory = process.argv[2] ?? "";
const filler = join(directory, "filler");

const record = (id: number): MigrationRecord => ({
  id: `m${id}`,
  vm: "v",
  vmName: "x".repeat(1500),
  role: "source",
  peer: "kvm02.lab.test",
  person: "alice@LAB.TEST",
  state: "done",
  started: 1,
  updated: 1,
});

function failure(work: () => void): { code?: string; message?: string } | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error as { code?: string; message?: string };
  }
}

const journal = Journal.open(directory);
journal.commit({ migrations: [record(0)] });
failure(() => {
  for (;;) appendFileSync(filler, new Uint8Array(4096));
});
let written = 1;
const refusal = failure(() => {
  for (; written < 5000; written++) journal.commit({ migrations: [record(written)] });
});
const attempts = Array.from({ length: 50 }, () =>
  failure(() => journal.commit({ migrations: [record(9999)] })),
);
const kept = journal.migrations().length;
rmSync(filler);
journal.commit({ migrations: [record(10_000)] });
const after = journal.migrations().length;
await journal.close();
const reopened = Journal.open(directory);
console.log(
  JSON.stringify({
    written,
    code: refusal?.code,
    message: refusal?.message,
    refused: attempts.filter((error) => error?.code === "JOURNAL_UNWRITABLE").length,
    kept,
    after,
    reopened: reopened.migrations().length,
  }),
);
await reopened.close();
