import { writeSync } from "node:fs";
import { EmbeddedDirectory } from "../../src/index.ts";
import { applyStep } from "./numbered-steps.ts";

// Carries out numbered changes and acknowledges each on standard output, until it is killed.
const [path = "", first = "0"] = process.argv.slice(2);
const directory = EmbeddedDirectory.open(path);
for (let step = Number(first); ; step++) {
  applyStep(directory, step);
  writeSync(1, `${step}\n`);
}
