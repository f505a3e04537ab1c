import { MemoryDirectory } from "@waybill/directory";
import { plan } from "@waybill/doctor";
import { expect, it } from "vitest";

const to = ["Microsoft Virtual System Migration Service", "cifs"].flatMap((service) => [
  `${service}/hv02.lab.test`,
  `${service}/HV02`,
]);

function view(): MemoryDirectory {
  const directory = new MemoryDirectory({ realm: "LAB.TEST" });
  for (const name of ["HV01", "HV02"]) directory.createComputer({ name, migration: true });
  directory.setDelegation("HV01", { to, protocol: "kerberos" });
  return directory;
}

it("does what was asked for, also where the host shows the person's own ticket and could do with less", () => {
  const asked = { view: view(), pairs: [{ from: "HV01", to: "HV02" }], evidence: "ticket" } as const;
  expect(plan({ ...asked, mode: "auto" }).diffs).toEqual([]);
  expect(plan({ ...asked, mode: "kerberos-only" }).diffs).toEqual([]);
  const { diffs, modes } = plan({ ...asked, mode: "any-protocol" });
  expect(modes).toMatchObject([{ mode: "any-protocol" }]);
  expect(diffs.map(({ account, attribute }) => `${account} ${attribute}`)).toEqual([
    "HV01$ userAccountControl",
  ]);
});
