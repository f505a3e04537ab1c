import { build } from "esbuild";
import { root } from "./setup.mjs";

/**
 * Makes JavaScript that needs no build tools: each entry as `<name>.mjs`, and chunks of what they share beside them, so
 * that what a command does not use is not read.
 */
export async function bundle(entryPoints, outdir, options = {}) {
  await build({
    absWorkingDir: root,
    entryPoints,
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["@waybill/source"],
    // Native: it stays a package of its own.
    external: ["lmdb"],
    logLevel: "warning",
    // CommonJS packages inside the bundle ask for Node's own modules with require.
    banner: {
      js: 'import { createRequire as bundledRequire } from "node:module"; const require = bundledRequire(import.meta.url);',
    },
    ...options,
  });
}
