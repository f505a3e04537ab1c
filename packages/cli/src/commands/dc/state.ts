import { EmbeddedDirectory } from "@waybill/directory";
import { controllerPaths } from "@waybill/kdc";
import type { Command } from "commander";

export interface StateOptions {
  readonly state: string;
}

export const defaultState = "/var/lib/waybill/dc";

/** Every `dc` command works on a state directory. */
export function withState(command: Command): Command {
  return command.option(
    "--state <dir>",
    "the controller's state directory",
    process.env.WAYBILL_DC_STATE ?? defaultState,
  );
}

/** Opens the directory for one command; a controller that serves it meanwhile sees the changes at once. */
export async function inDirectory<T>(
  options: StateOptions,
  work: (directory: EmbeddedDirectory) => T | Promise<T>,
): Promise<T> {
  const directory = EmbeddedDirectory.open(controllerPaths(options.state).directory);
  try {
    return await work(directory);
  } finally {
    await directory.close();
  }
}
