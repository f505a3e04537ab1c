import * as v from "valibot";
import { parse } from "yaml";

/**
 * YAML that fits a schema, or a refusal that says what is wrong first.
 *
 * @param refuse makes the error: of what is wrong, and at which entry.
 * @throws what `refuse` made
 */
export function parseYaml<S extends v.GenericSchema>(
  schema: S,
  source: string,
  refuse: (problem: string, cause: unknown) => Error,
): v.InferOutput<S> {
  let document: unknown;
  try {
    document = parse(source);
  } catch (cause) {
    throw refuse("it is not YAML", cause);
  }
  const result = v.safeParse(schema, document);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw refuse(`${v.getDotPath(issue) ?? "top level"}: ${issue.message}`, undefined);
}
