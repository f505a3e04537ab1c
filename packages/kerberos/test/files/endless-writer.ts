import { FileCache } from "../../src/files/file-cache.ts";
import { sampleCache, sampleCredential } from "./samples.ts";

/** Rewrites the cache its argument names, with ever more in it, until it is killed. */
const cache = new FileCache(process.argv[2] ?? "");
for (let round = 0; ; round++) {
  const credentials = Array.from({ length: 1 + (round % 200) }, () => sampleCredential());
  await cache.write({ ...sampleCache, credentials });
  if (round === 3) process.stdout.write("writing\n");
}
