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
    fileParallelism: parallel,
    pool: "forks" as const,
  },
});

export default defineConfig({
  test: {
    projects: [
      project("unit", ["packages/*/test/**/*.test.ts"], 20_000, true),
      project("interop", ["packages/*/test/**/*.interop.ts"], 120_000, false),
      project("e2e", ["packages/*/test/**/*.e2e.ts", "test/**/*.e2e.ts"], 300_000, false),
    ],
  },
});
