import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { mustWork } from "./support/lab.ts";
import { runToEnd } from "./support/waybill.ts";

const at = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

test("the build makes a command that runs from anywhere, with its scenarios beside it", async () => {
  const { stdout } = mustWork(await runToEnd(process.execPath, [at("tools/build.mjs")]));
  expect(stdout).toContain("packages/*/dist: asn1, base, directory");
  const bundle = at("packages/cli/dist/waybill.mjs");
  const refused = await runToEnd(process.execPath, [bundle, "lab", "run", "no-such-scenario"]);
  expect(refused.stderr).toContain("ws2016");
  expect(refused.stderr).toContain("SCENARIO_UNKNOWN");
});
