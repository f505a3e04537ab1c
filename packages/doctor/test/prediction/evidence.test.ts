import { MemoryDirectory } from "@waybill/directory";
import { evidenceModeOf } from "@waybill/doctor";
import { expect, it } from "vitest";

it.each([
  ["Windows Server 2012 R2 Standard", "ticket"],
  ["Windows Server 2016 Datacenter", "s4u2self"],
  ["Windows Server 2025 Standard", "s4u2self"],
  ["Hyper-V Server 2019", "s4u2self"],
  ["Linux", "ticket"],
  [undefined, "s4u2self"],
] as const)("a host under %s has for evidence: %s", (operatingSystem, evidence) => {
  const directory = new MemoryDirectory({ realm: "LAB.TEST" });
  const host = directory.createComputer({ name: "HV01", migration: true, attributes: { operatingSystem } });
  expect(evidenceModeOf(directory, host, "remote")).toBe(evidence);
  expect(evidenceModeOf(directory, host, "at-source")).toBe("ticket");
});
