// `npm test`: lint, types, then every test there is; ends with one line that counts them.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./setup.mjs";

const checks = [
  ["lint (biome)", "biome", ["check", "--error-on-warnings", "."]],
  ["lint (oxlint)", "oxlint", ["--type-aware", "--deny-warnings", "packages"]],
  ["types", "tsc", ["-p", "tsconfig.json"]],
];

export function runTests(args) {
  let passed = 0;
  let failed = 0;
  for (const [name, program, options] of checks) {
    const ok = run("npx", [program, ...options]) === 0;
    console.log(`${ok ? "ok" : "FAILED"}: ${name}`);
    if (ok) passed++;
    else failed++;
  }
  for (const project of ["unit", "interop", "e2e"]) {
    const counts = runProject(project, args);
    passed += counts.passed;
    failed += counts.failed;
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

function runProject(project, args) {
  const directory = mkdtempSync(join(tmpdir(), "waybill-test-"));
  const report = join(directory, "report.json");
  const status = run("npx", [
    "vitest",
    "run",
    "--project",
    project,
    "--passWithNoTests",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...args,
  ]);
  try {
    const { numPassedTests, numFailedTests, numFailedTestSuites } = JSON.parse(readFileSync(report, "utf8"));
    // A file that fails to load has no failed test of its own, and must still count.
    const broken = numFailedTests > 0 || status === 0 ? 0 : Math.max(1, numFailedTestSuites);
    const failures = numFailedTests + broken;
    return { passed: numPassedTests, failed: failures };
  } catch {
    return { passed: 0, failed: status === 0 ? 0 : 1 };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
