import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { systemCode, WaybillError } from "@waybill/base";
import { type LabLayout, labPaths } from "./layout.ts";

/** A socket's name has 107 bytes at most, and a machine's needs this many below the lab's folder. */
const longestPath = 107 - "/kvm01/run/vm/0123456789012345678901/run/console.sock".length;

/** Whether a lab is in its folder, running or not. @throws WaybillError LAB_PLACE_UNUSABLE: something else is. */
export function holdsLab(layout: LabLayout): boolean {
  const { processes } = labPaths(layout);
  const names = namesIn(layout.state);
  if (names.length === 0 || existsSync(processes)) return names.length > 0;
  throw unusable(layout, "is not empty, and holds no lab");
}

/** Makes the folder of a new lab. A lab's end removes all of it, so only an empty one will do. */
export async function claimFolder(layout: LabLayout): Promise<void> {
  const { state } = layout;
  if (Buffer.byteLength(state) > longestPath)
    throw unusable(layout, `is too long a name: sockets are made below it; it may have ${longestPath} bytes`);
  try {
    // Not at one go: where a file system lets nobody make folders, as /proc, Node would try for ever.
    mkdirSync(dirname(state), { recursive: true });
    if (!existsSync(state)) mkdirSync(state, { mode: 0o700 });
    // What marks the folder as a lab's.
    mkdirSync(labPaths(layout).processes, { mode: 0o700 });
  } catch (cause) {
    throw unusable(layout, `cannot be used (${systemCode(cause) ?? "?"})`, cause);
  }
}

/** Removes the folder; last what marks it as a lab's, so that it can be done again if it was interrupted. */
export async function clearFolder(layout: LabLayout): Promise<void> {
  const { state } = layout;
  const mark = basename(labPaths(layout).processes);
  const force = { recursive: true, force: true, maxRetries: 5 };
  for (const name of await readdir(state).catch(() => []))
    if (name !== mark) await rm(join(state, name), force);
  await rm(state, force);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return [];
    throw unusable({ state: directory }, `cannot be used (${systemCode(cause) ?? "?"})`, cause);
  }
}

function unusable({ state }: { readonly state: string }, why: string, cause?: unknown): WaybillError {
  return new WaybillError(`${state} ${why}`, {
    code: "LAB_PLACE_UNUSABLE",
    family: "caller",
    facts: { state },
    cause,
    remedy: "Name a new or an empty folder with --state.",
  });
}
