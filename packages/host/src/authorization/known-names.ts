import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { EpochMs } from "@waybill/base";
import * as v from "valibot";

/** The directory's last word on names. */
export interface KnownNames {
  readonly realm: string;
  readonly asked: EpochMs;
  /** By name in lower case. */
  readonly sids: ReadonlyMap<string, string>;
}

const schema = v.object({
  realm: v.string(),
  asked: v.number(),
  sids: v.record(v.string(), v.pipe(v.string(), v.regex(/^S-1-\d+(-\d+)+$/))),
});

/** What is kept in a host's state folder for this realm; nothing if it is not there or makes no sense. */
export function readKnownNames(directory: string, realm: string): KnownNames | undefined {
  try {
    const kept = v.parse(schema, JSON.parse(readFileSync(path(directory), "utf8")));
    return kept.realm === realm ? { ...kept, sids: new Map(Object.entries(kept.sids)) } : undefined;
  } catch {
    // Names that are not known grant nothing, and the directory is asked at once.
    return undefined;
  }
}

/** Replaces the file as a whole, so that a crash leaves the old or the new one. */
export function writeKnownNames(directory: string, { sids, ...known }: KnownNames): void {
  const draft = `${path(directory)}.new`;
  const file = openSync(draft, "w", 0o600);
  try {
    writeSync(file, `${JSON.stringify({ ...known, sids: Object.fromEntries(sids) })}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path(directory));
}

function path(directory: string): string {
  return join(directory, "access-names.json");
}
