import { LdifReader } from "../ldif/read-ldif.ts";
import { DirectoryBuilder, type LoadedDirectory, type LoadOptions } from "./directory-builder.ts";
import { exportAttributes } from "./model-attributes.ts";

/**
 * Reads an export (`ldifde`, `ldapsearch -LLL`, `waybill dc export`) into a directory in memory. Attributes that
 * decide nothing are passed over. Change records in the file are not carried out, and reported.
 *
 * @throws DirectoryError BAD_LDIF, NO_DOMAIN
 */
export async function loadFromLdif(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: LoadOptions & { readonly signal?: AbortSignal | undefined } = {},
): Promise<LoadedDirectory> {
  const builder = new DirectoryBuilder(options);
  const reader = new LdifReader(
    (record) => {
      if (record.kind === "entry" || record.kind === "add") builder.add(record);
      else builder.report(`line ${record.line}`, `the ${record.kind} record was not carried out`);
    },
    {
      attributes: exportAttributes,
      onProblem: ({ line, text }) => builder.report(`line ${line}`, text),
    },
  );
  for await (const chunk of source) {
    options.signal?.throwIfAborted();
    reader.push(chunk);
  }
  reader.end();
  return builder.finish();
}
