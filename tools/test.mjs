// `npm test`: lint, types, then every test there is; ends with one line that counts them.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { root, run } from "./setup.mjs";

const checks = [
  ["lint (biome)", "biome", ["check", "--error-on-warnings", "."]],
  ["lint (oxlint)", "oxlint", ["--type-aware", "--deny-warnings", "packages"]],
  ["types", "tsc", ["-p", "tsconfig.json"]],
];

export function runTests(args) {
  let passed = 0;
  const failures = [];
  for (const [name, program, options] of checks) {
    const ok = run("npx", [program, ...options]) === 0;
    console.log(`${ok ? "ok" : "FAILED"}: ${name}`);
    if (ok) passed++;
    else failures.push(name);
  }
  for (const project of ["unit", "interop", "e2e"]) {
    const counts = runProject(project, args);
    passed += counts.passed;
    failures.push(...counts.failures);
  }
  // Said again at the end, where whoever reads a long run looks first.
  for (const failure of failures) console.log(`FAILED: ${failure}`);
  console.log(`${passed} passed, ${failures.length} failed`);
  return failures.length === 0 ? 0 : 1;
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
    const { numPassedTests, testResults } = JSON.parse(readFileSync(report, "utf8"));
    const failures = testResults.flatMap(failuresOf);
    // An error outside every test fails the run, and must count.
    if (failures.length === 0 && status !== 0) failures.push(`${project}: an error outside every test`);
    return { passed: numPassedTests, failures };
  } catch (error) {
    return { passed: 0, failures: [`${project}: ended without a report (${error.message})`] };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What failed in one file: its tests, or the file itself when it could not be loaded or set up. */
function failuresOf({ name, status, message, assertionResults }) {
  const file = relative(root, name);
  const tests = assertionResults
    .filter((test) => test.status === "failed")
    .map((test) => `${file}: ${test.fullName}\n  ${test.failureMessages.join("\n").slice(0, 2000)}`);
  return tests.length > 0 || status !== "failed"
    ? tests
    : [`${file}\n  ${message.slice(0, 2000) || "its set-up failed; see above"}`];
}
