import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A file or folder that comes with the command: beside the bundle, or in the package's own folder. */
export function assetPath(name: string): string {
  const beside = fileURLToPath(new URL(name, import.meta.url));
  return existsSync(beside) ? beside : fileURLToPath(new URL(`../../${name}`, import.meta.url));
}
