import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readScenario, scenarioNames } from "../src/lab/scenario/scenario.ts";
import { processesWith, TestLab } from "./support/lab.ts";

// The same scenarios on a real Samba AD domain controller. Where its KDC departs from Active Directory, the scenario
// itself says what Samba does instead; everywhere else it must do the same.
const lab = TestLab.prepare();
const names = scenarioNames().filter((name) => name !== "story");
let results: readonly { scenario: string; problems: readonly string[] }[];

beforeAll(async () => {
  const { stdout, stderr } = await lab.lab("run", "--domain", "samba", "--json");
  try {
    results = JSON.parse(stdout) as typeof results;
  } catch {
    throw new Error(`${stdout}\n${stderr}`);
  }
});

afterAll(async () => {
  await lab.end();
});

describe("scenarios in a Samba domain", () => {
  test.each(names)("%s", (name) => {
    expect(results.find(({ scenario }) => scenario === name)).toEqual({ scenario: name, problems: [] });
  });

  test("leave nothing behind", () => {
    expect(processesWith(lab.state)).toEqual([]);
    expect(existsSync(lab.state)).toBe(false);
  });

  test("differ from Active Directory only where a scenario says so", () => {
    const differing = names.filter((name) =>
      readScenario(name).steps.some((step) => "samba" in step && step.samba !== undefined),
    );
    expect(differing).toEqual(["admin-center", "krbtgt-sensitive", "protected-user", "rbcd", "rbcd-mixed"]);
  });
});
