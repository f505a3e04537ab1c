import { readLdif } from "../ldif/read-ldif.ts";
import { DirectoryBuilder, type LoadedDirectory, type LoadOptions } from "./directory-builder.ts";

/**
 * Reads an export (`ldifde`, `ldapsearch -LLL`, `waybill dc export`) into a directory in memory. Change records in the
 * file are not carried out, and reported.
 *
 * @throws DirectoryError BAD_LDIF, NO_DOMAIN
 */
export async function loadFromLdif(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: LoadOptions & { readonly signal?: AbortSignal | undefined } = {},
): Promise<LoadedDirectory> {
  const builder = new DirectoryBuilder(options);
  const onProblem = ({ line, text }: { line: number; text: string }): void =>
    builder.report(`line ${line}`, text);
  for await (const record of readLdif(source, { onProblem, signal: options.signal })) {
    if (record.kind === "entry" || record.kind === "add") builder.add(record);
    else builder.report(`line ${record.line}`, `the ${record.kind} record was not carried out`);
  }
  return builder.finish();
}
