import { FileCache } from "../../src/files/file-cache.ts";
import { parsePrincipal } from "../../src/principal.ts";
import { sampleCache, sampleCredential } from "./samples.ts";

/**
 * Rewrites the cache its argument names, with ever more in it, and adds to it, until it is killed or something fails:
 * then it says which error it was.
 */
const cache = new FileCache(process.argv[2] ?? "");
try {
  for (let round = 0; ; round++) {
    const credentials = Array.from({ length: 1 + (round % 200) }, () => sampleCredential());
    await cache.write({ ...sampleCache, credentials });
    for (let number = 0; number < 10; number++) {
      const server = parsePrincipal(`cifs/${"x".repeat(3000)}-${number}@LAB.TEST`);
      await cache.add(sampleCredential(server));
    }
    if (round === 3) process.stdout.write("writing\n");
  }
} catch (error) {
  const { code, facts } = error as { code: string; facts: { reason?: string } };
  process.stdout.write(`${code} ${facts.reason}\n`);
}
