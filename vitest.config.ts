import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// unit: fast, in-process. interop: foreign programs as judges. e2e: whole domains, hosts and guests.
const project = (name: string, include: string[], testTimeout: number, parallel: boolean) => ({
  resolve: { conditions: ["@waybill/source"] },
  ssr: { resolve: { conditions: ["@waybill/source"] } },
  test: {
    name,
    include,
    testTimeout,
    hookTimeout: testTimeout * 2,
    // What is waited for comes within milliseconds; a loaded machine may take its time.
    expect: { poll: { timeout: 15_000, interval: 20 } },
    setupFiles: parallel ? [fileURLToPath(new URL("test/support/fixed-seed.ts", import.meta.url))] : [],
    fileParallelism: parallel,
    pool: "forks" as const,
  },
});

export default defineConfig({
  test: {
    projects: [
      project("unit", ["packages/*/test/**/*.test.ts"], 180_000, true),
      project("interop", ["packages/*/test/**/*.interop.ts"], 240_000, false),
      project("e2e", ["packages/*/test/**/*.e2e.ts", "test/**/*.e2e.ts"], 600_000, false),
    ],
  },
});
