import { createReadStream } from "node:fs";
import { WaybillError } from "@waybill/base";
import { importLdif } from "@waybill/directory";
import type { Command } from "commander";
import { examples } from "./examples.ts";
import { inDirectory, type StateOptions, withState } from "./state.ts";

/** `waybill dc import`: LDIF into the directory, record by record. */
export function registerImport(dc: Command): void {
  withState(dc.command("import <file>"))
    .description("carry out an LDIF file: entries and change records; - for standard input")
    .addHelpText(
      "after",
      examples("import users.ldif", "import - < exported-from-ad.ldif", "import users.ldif --state ./lab-dc"),
    )
    .action(async (file: string, options: StateOptions) => {
      const source = file === "-" ? process.stdin : createReadStream(file);
      const { added, changed, problems } = await inDirectory(
        options,
        async (directory) => await importLdif(directory, chunks(source, file)),
      );
      for (const { line, text } of problems) console.error(`${file}:${line}: ${text}`);
      console.log(`added ${added}, changed ${changed}, failed ${problems.length}`);
      if (problems.length > 0) process.exitCode = 1;
    });
}

async function* chunks(source: AsyncIterable<Uint8Array>, file: string): AsyncGenerator<Uint8Array> {
  try {
    yield* source;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new WaybillError(`cannot read ${file}: ${why}`, {
      code: "FILE_UNREADABLE",
      family: "caller",
      cause,
    });
  }
}
