import type { BuildOptions } from "esbuild";

/** @param entryPoints name without ending → source. @param options more of esbuild's. */
export function bundle(
  entryPoints: Readonly<Record<string, string>>,
  outdir: string,
  options?: BuildOptions,
): Promise<void>;
