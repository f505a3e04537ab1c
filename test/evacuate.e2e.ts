import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waybillCommand } from "../packages/cli/test/support/waybill.ts";
import { mustWork, Site } from "./support/site.ts";

let site: Site;
beforeAll(async () => {
  const subnet = `127.${randomInt(200, 250)}.${randomInt(1, 250)}`;
  site = await Site.up({
    addresses: { dc: `${subnet}.10`, kvm01: `${subnet}.11`, kvm02: `${subnet}.12` },
  });
  for (const [index, name] of ["web01", "web02", "web03"].entries())
    await site.startGuest(name, {}, { mac: `52:54:00:53:00:2${index}`, memoryMiB: 96 + 16 * index });
});
afterAll(async () => await site?.down());

const states = async (host: string): Promise<string[]> => {
  const { stdout } = mustWork(await site.waybill("alice", "vm", "list", "--host", host, "--json"));
  return (JSON.parse(stdout) as { name: string; state: string }[])
    .map(({ name, state }) => `${name} ${state}`)
    .toSorted();
};
const all = ["web01 running", "web02 running", "web03 running"];

test("dry run: says where each would go, largest first, and moves nothing", async () => {
  const { stdout } = mustWork(
    await site.waybill("alice", "evacuate", "kvm01", "--dry-run", "--parallel", "1"),
  );
  expect(stdout.trim().split("\n")).toEqual(
    ["web03", "web02", "web01"].map((vm) => `${vm} would go to ${site.name("kvm02")}`),
  );
  expect(await states("kvm01")).toEqual(all);
});

test("without --to the destination is found, and who may see nothing moves nothing", async () => {
  expect(mustWork(await site.waybill("mallory", "evacuate", "kvm01")).stderr).toContain("no running machine");
  const { stdout } = mustWork(await site.waybill("alice", "evacuate", "kvm01", "--json"));
  const fates = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { vm: string });
  expect(fates.toSorted((a, b) => a.vm.localeCompare(b.vm))).toEqual(
    ["web01", "web02", "web03"].map((vm) => ({ vm, destination: site.name("kvm02"), moved: true })),
  );
  expect(await states("kvm01")).toEqual([]);
  expect(await states("kvm02")).toEqual(all);
});

test("again: nothing is left to do", async () => {
  const { stdout, stderr } = mustWork(await site.waybill("alice", "evacuate", "kvm01"));
  expect(stdout).toBe("");
  expect(stderr).toContain("no running machine");
});

test("Ctrl-C cancels what moves and begins nothing more; run again, it goes on with what is left", async () => {
  const [program = "", ...before] = waybillCommand;
  const child = spawn(program, [...before, "evacuate", "kvm02", "--parallel", "1"], {
    env: { ...process.env, ...site.environment("alice") },
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  await new Promise<void>((resolve, reject) => {
    child.stderr.on("data", (text) => {
      if (String(text).includes("→")) resolve();
    });
    child.once("close", () => reject(new Error("it never began")));
  });
  child.kill("SIGINT");
  expect(await ended).toBe(1);
  const left = await states("kvm02");
  expect(left.length).toBeGreaterThan(0);
  expect([...left, ...(await states("kvm01"))].toSorted()).toEqual(all);
  mustWork(await site.waybill("alice", "evacuate", "kvm02"));
  expect(await states("kvm01")).toEqual(all);
});

test("a destination that does not take machines is passed over, and the reason is said", async () => {
  mustWork(await site.waybill("alice", "host", "settings", "kvm02", "--disable-migration"));
  const { code, stderr } = await site.waybill("alice", "evacuate", "kvm01");
  expect(code).toBe(1);
  expect(stderr).toContain("live migration is not enabled there");
  expect(stderr).toContain("NO_DESTINATION");
  mustWork(await site.waybill("alice", "host", "settings", "kvm02", "--enable-migration"));
  expect(await states("kvm01")).toEqual(all);
});
