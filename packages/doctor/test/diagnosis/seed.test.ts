import { diagnose, plan, predict, viewAfter } from "@waybill/doctor";
import { describe, expect, it } from "vitest";
import { seedDomain } from "../support/domain.ts";

const move = { person: "alice", from: "kvm01", to: "kvm02", evidence: "s4u2self" } as const;

describe("the seed: Use Kerberos only, started remotely", () => {
  it("names the object and the attribute in one sentence", () => {
    const { prediction, findings } = diagnose({ view: seedDomain(), ...move });
    expect(prediction.outcome).toBe("fails");
    expect(findings.map(({ id }) => id)).toEqual(["protocol-transition-off"]);
    expect(findings[0]?.cause).toBe(
      "The S4U2Self ticket that KVM01$ got for alice is not forwardable, because KVM01$ lacks " +
        "TRUSTED_TO_AUTH_FOR_DELEGATION (userAccountControl 0x1000000 is off) while its msDS-AllowedToDelegateTo is not empty.",
    );
    expect(findings[0]?.effect).toBe("alice can move nothing from KVM01$ to KVM02$ when started remotely.");
    expect(findings[0]?.evidence.map(({ attribute }) => attribute)).toEqual([
      "userAccountControl",
      "msDS-AllowedToDelegateTo",
    ]);
  });

  it("is repaired by one bit, which the plan shows with what it opens", () => {
    const view = seedDomain();
    const made = plan({
      view,
      pairs: [move],
      evidence: "s4u2self",
      services: ["migration"],
      people: ["alice"],
    });
    expect(made.diffs.map(({ account, attribute, lines }) => [account, attribute, lines])).toEqual([
      ["KVM01$", "userAccountControl", ["+ TRUSTED_TO_AUTH_FOR_DELEGATION (0x1000000): 4096 -> 16781312"]],
    ]);
    expect(made.diffs[0]?.opens[0]).toContain("KVM01$ can act for everyone who is neither sensitive");
    expect(made.complete).toBe(true);
    expect(made.exposureBefore.impersonators).toBe(0);
    expect(made.exposureAfter.impersonators).toBe(1);
  });

  it("works as soon as the plan is applied", () => {
    const view = seedDomain();
    const { diffs } = plan({ view, pairs: [move], evidence: "s4u2self", services: ["migration"] });
    const after = viewAfter(view, diffs);
    const story = predict({
      view: after,
      person: "alice",
      source: "kvm01",
      destination: "kvm02",
      evidence: "s4u2self",
    });
    expect(story.works).toBe(true);
    expect(story.identity).toBe("asserted");
  });

  it("is no fault where the host shows the person's own ticket, and at the source", () => {
    const view = seedDomain();
    expect(diagnose({ view, ...move, evidence: "ticket" }).findings).toEqual([]);
    expect(diagnose({ view, ...move, start: "at-source" }).findings).toEqual([]);
    expect(plan({ view, pairs: [move], evidence: "ticket", services: ["migration"] }).diffs).toEqual([]);
  });

  it("gives the repair as PowerShell, samba-tool and LDIF", () => {
    const [finding] = diagnose({ view: seedDomain(), ...move }).findings;
    const [remedy] = finding?.remedies ?? [];
    expect(remedy?.powershell).toEqual([
      "Set-ADAccountControl -Identity 'KVM01$' -TrustedToAuthForDelegation $true",
    ]);
    expect(remedy?.sambaTool).toEqual(["samba-tool delegation for-any-protocol 'KVM01$' on"]);
    expect(remedy?.ldif).toContain("delete: userAccountControl\nuserAccountControl: 4096\n-\n");
    expect(remedy?.ldif).toContain("add: userAccountControl\nuserAccountControl: 16781312\n-\n");
  });
});
