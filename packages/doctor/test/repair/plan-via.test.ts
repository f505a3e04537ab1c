import { examine, meshPairs, plan } from "@waybill/doctor";
import { describe, expect, it } from "vitest";
import { seedDomain } from "../support/domain.ts";

const via = { start: "via-management-server", managementServer: "wac" } as const;

function domainWithServer() {
  const view = seedDomain();
  view.createComputer({ name: "WAC" });
  return view;
}

describe("a plan for moves through a management server", () => {
  const request = {
    pairs: meshPairs(["kvm01", "kvm02"]),
    services: ["migration"],
    people: ["alice"],
  } as const;

  it("lets the server act towards the source hosts, with Kerberos only", () => {
    const view = domainWithServer();
    const made = plan({ view, ...request, ...via, evidence: "ticket" });
    expect(made.diffs.map(({ account, attribute, lines }) => [account, attribute, lines])).toEqual([
      ["WAC$", "msDS-AllowedToDelegateTo", ["+ WSMAN/kvm01.lab.test", "+ WSMAN/kvm02.lab.test"]],
    ]);
    expect(made.predictions.map(({ works, managementServer }) => [works, managementServer])).toEqual([
      [true, "WAC$"],
      [true, "WAC$"],
    ]);
    expect(made.complete).toBe(true);
  });

  it("works with resource-based delegation where computer accounts may not be changed", () => {
    const view = domainWithServer();
    view.setDelegation("KVM01", { to: [], protocol: "kerberos" });
    view.setDelegation("KVM02", { to: [], protocol: "kerberos" });
    const made = plan({ view, ...request, ...via, evidence: "ticket", mayEditComputers: false });
    expect(new Set(made.diffs.map(({ attribute }) => attribute))).toEqual(
      new Set(["msDS-AllowedToActOnBehalfOfOtherIdentity"]),
    );
    expect(made.complete, made.obstacles.join()).toBe(true);
  });

  it("needs to know which server", () => {
    const view = domainWithServer();
    expect(() => plan({ view, ...request, start: "via-management-server" })).toThrowError(
      expect.objectContaining({ code: "MANAGEMENT_SERVER_NEEDED" }),
    );
  });
});

describe("a report", () => {
  it("is about moves that start as asked", () => {
    const view = domainWithServer();
    const asked = {
      view,
      hosts: ["kvm01", "kvm02"],
      people: ["alice"],
      services: ["migration"],
      evidence: "s4u2self",
    } as const;
    expect(examine(asked).matrix.count()).toEqual({ works: 0, "depends-on-name": 0, fails: 2 });
    const local = examine({ ...asked, start: "at-source" });
    expect(local.start).toBe("at-source");
    expect(local.matrix.count()).toEqual({ works: 2, "depends-on-name": 0, fails: 0 });
    view.setDelegation("WAC", { to: ["WSMAN/kvm01.lab.test"], protocol: "kerberos" });
    const through = examine({ ...asked, ...via, evidence: "ticket" });
    expect(through.matrix.count()).toEqual({ works: 1, "depends-on-name": 0, fails: 1 });
  });
});
