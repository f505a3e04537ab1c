import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scenarioNames } from "../src/lab/scenario/scenario.ts";
import { mustWork, TestLab } from "./support/lab.ts";

// Every scenario of packages/cli/scenarios in one lab, each with its expected outcome: a real domain, two hosts and a
// machine under QEMU, driven by the command line.
const lab = TestLab.prepare();

beforeAll(async () => {
  await lab.up();
});

afterAll(async () => {
  await lab.end();
});

describe("scenarios in the embedded domain", () => {
  test.each(scenarioNames())("%s", async (name) => {
    const { stdout } = mustWork(await lab.lab("run", name, "--json"));
    expect(JSON.parse(stdout)).toEqual([{ scenario: name, problems: [] }]);
  });
});
