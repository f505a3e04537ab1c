import { appendFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { EmbeddedDirectory } from "../../src/index.ts";

/** Fills a disk and then the store on it, makes room again, and tells what it saw; `argv`: a folder on that disk. */
const folder = process.argv[2] ?? "";
const filler = join(folder, "filler");

function failure(work: () => void): { code?: string; message?: string } | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error as { code?: string; message?: string };
  }
}

const directory = EmbeddedDirectory.create(join(folder, "state"), { realm: "LAB.TEST" });
directory.createUser({ name: "u0" });
failure(() => {
  for (;;) appendFileSync(filler, new Uint8Array(4096));
});
let made = 1;
const refusal = failure(() => {
  for (; made < 5000; made++) directory.createUser({ name: `u${made}` });
});
const attempts = Array.from({ length: 50 }, () => failure(() => directory.createUser({ name: "late" })));
rmSync(filler);
directory.createUser({ name: "late" });
await directory.close();

const reopened = EmbeddedDirectory.open(join(folder, "state"));
const kept = Array.from({ length: made }, (_, number) => reopened.bySam(`u${number}`));
console.log(
  JSON.stringify({
    code: refusal?.code,
    message: refusal?.message,
    refused: attempts.filter((error) => error?.code === "STORE_UNWRITABLE").length,
    lost: kept.filter((account) => account === undefined).length,
    beyond: reopened.bySam(`u${made}`)?.samAccountName,
    late: reopened.bySam("late")?.samAccountName,
  }),
);
await reopened.close();
