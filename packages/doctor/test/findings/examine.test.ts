import {
  AccessMask,
  AceType,
  actOnBehalfDescriptor,
  encodeSecurityDescriptor,
  loadFromLdif,
  type MemoryDirectory,
  WellKnownSid,
} from "@waybill/directory";
import {
  docsOf,
  type ExamineRequest,
  examine,
  type Finding,
  type FindingId,
  findingKinds,
  planFindings,
  viewAfter,
} from "@waybill/doctor";
import { describe, expect, it } from "vitest";
import { seedNames, twoHosts } from "../support/domain.ts";

const all = (host: string): string[] => [...seedNames(host), `cifs/${host}`, `cifs/${host}.lab.test`];

/** Two hosts with everything in order, seen as Waybill hosts. */
function sound(): MemoryDirectory {
  const directory = twoHosts();
  directory.setDelegation("KVM01", { to: all("kvm02"), protocol: "kerberos" });
  directory.setDelegation("KVM02", { to: all("kvm01"), protocol: "kerberos" });
  return directory;
}

function findings(view: MemoryDirectory, request: Partial<ExamineRequest> = {}): readonly Finding[] {
  return examine({ view, people: ["alice"], evidence: "ticket", ...request }).findings;
}

const ids = (view: MemoryDirectory, request: Partial<ExamineRequest> = {}): FindingId[] =>
  findings(view, request).map(({ id }) => id);

it("finds no fault with hosts that are set up", () => {
  expect(ids(sound())).toEqual([]);
});

interface Case {
  readonly id: FindingId;
  readonly request?: Partial<ExamineRequest>;
  readonly spoil: (directory: MemoryDirectory) => void;
  /** What the cause must name. */
  readonly names: readonly string[];
}

const attribute = "msDS-AllowedToActOnBehalfOfOtherIdentity";
const setDescriptor = (directory: MemoryDirectory, bytes: Uint8Array): void => {
  directory.setAttributes("KVM02", { [attribute]: bytes });
};

const cases: readonly Case[] = [
  {
    id: "protocol-transition-off",
    request: { evidence: "s4u2self" },
    spoil: () => {},
    names: ["KVM01$", "TRUSTED_TO_AUTH_FOR_DELEGATION", "0x1000000", "msDS-AllowedToDelegateTo"],
  },
  {
    id: "delegation-one-way",
    spoil: (d) => d.setDelegation("KVM01", { to: [] }),
    names: ["KVM01$", "KVM02$", "msDS-AllowedToDelegateTo"],
  },
  {
    id: "delegation-missing",
    spoil: (d) => {
      d.setDelegation("KVM01", { to: [] });
      d.setDelegation("KVM02", { to: [] });
    },
    names: ["KVM01$", "KVM02$", "msDS-AllowedToDelegateTo"],
  },
  {
    id: "delegation-incomplete",
    spoil: (d) => d.setDelegation("KVM01", { to: all("kvm02").slice(1) }),
    names: ["KVM01$", "Microsoft Virtual System Migration Service/KVM02"],
  },
  {
    id: "entry-dangling",
    spoil: (d) => d.setDelegation("KVM01", { to: [...all("kvm02"), "cifs/gone"] }),
    names: ["KVM01$", "cifs/gone"],
  },
  {
    id: "entry-misplaced",
    spoil: (d) => {
      d.createComputer({ name: "OTHER", spns: [] });
      d.addSpn("OTHER", "cifs/kvm02.lab.test");
    },
    names: ["cifs/kvm02.lab.test", "OTHER$", "KVM02$"],
  },
  {
    id: "service-name-misplaced",
    spoil: (d) => {
      d.createComputer({ name: "OTHER", spns: [] });
      d.addSpn("OTHER", "cifs/kvm02.lab.test");
    },
    names: ["cifs/kvm02.lab.test", "OTHER$"],
  },
  {
    id: "service-name-missing",
    spoil: (d) => d.removeSpn("KVM02", seedNames("kvm02")[1]!),
    names: ["KVM02$", "servicePrincipalName"],
  },
  {
    id: "service-name-duplicate",
    spoil: (d) => {
      d.createComputer({ name: "OTHER", spns: [] });
      d.setAttributes("OTHER", { servicePrincipalName: seedNames("kvm02")[1]! });
    },
    names: ["OTHER$", "KVM02$", "servicePrincipalName"],
  },
  {
    id: "service-name-escaped",
    request: { profile: "samba-4.17" },
    spoil: () => {},
    names: ["KVM01$", "spaces escaped"],
  },
  {
    id: "resource-grant-defeated",
    spoil: (d) => d.setDelegation("KVM02", { from: ["KVM01"] }),
    names: ["KVM01$", "KVM02$", "TRUSTED_TO_AUTH_FOR_DELEGATION"],
  },
  {
    id: "resource-grant-dead",
    spoil: (d) => setDescriptor(d, actOnBehalfDescriptor([`${d.domain.sid}-99999`, d.bySam("KVM01$")!.sid])),
    names: ["KVM02$", "-99999", attribute],
  },
  {
    id: "resource-grant-wide",
    spoil: (d) => setDescriptor(d, actOnBehalfDescriptor([WellKnownSid.everyone])),
    names: ["KVM02$", "Everyone", attribute],
  },
  {
    id: "resource-grant-ineffective",
    spoil: (d) => setDescriptor(d, Uint8Array.of(1, 0, 4)),
    names: ["KVM02$", "damaged", attribute],
  },
  {
    id: "resource-grant-ineffective",
    spoil: (d) =>
      setDescriptor(
        d,
        encodeSecurityDescriptor({
          control: 0,
          owner: WellKnownSid.administrators,
          dacl: {
            revision: 4,
            aces: [
              {
                type: AceType.accessAllowed,
                flags: 0,
                mask: AccessMask.readProperty,
                sid: d.bySam("KVM01$")!.sid,
              },
            ],
          },
        }),
      ),
    names: ["KVM02$", "never match", "0x10"],
  },
  {
    id: "resource-delegation-ignored",
    request: { profile: "samba-4.17" },
    spoil: (d) => d.setDelegation("KVM02", { from: ["KVM01"] }),
    names: ["KVM02$", "samba-4.17"],
  },
  {
    id: "unconstrained-delegation",
    spoil: (d) => d.setDelegation("KVM01", { unconstrained: true }),
    names: ["KVM01$", "TRUSTED_FOR_DELEGATION"],
  },
  {
    id: "person-not-delegable",
    spoil: (d) => d.setFlags("alice", { notDelegated: true }),
    names: ["alice", "NOT_DELEGATED"],
  },
  {
    id: "person-not-delegable",
    spoil: (d) => d.addMember("Protected Users", "alice"),
    names: ["alice", "Protected Users"],
  },
  {
    id: "person-cannot-sign-in",
    spoil: (d) => d.setAttributes("alice", { pwdLastSet: "0" }),
    names: ["alice", "pwdLastSet"],
  },
  {
    id: "krbtgt-sensitive",
    spoil: (d) => d.setFlags("krbtgt", { notDelegated: true }),
    names: ["krbtgt", "NOT_DELEGATED"],
  },
  {
    id: "encryption-legacy",
    spoil: (d) => d.setAttributes("alice", { "msDS-SupportedEncryptionTypes": "4" }),
    names: ["alice", "allows no AES", "msDS-SupportedEncryptionTypes is 4"],
  },
  {
    id: "encryption-legacy",
    spoil: (d) => d.setAttributes("KVM01", { "msDS-SupportedEncryptionTypes": "4" }),
    names: ["KVM01$", "msDS-SupportedEncryptionTypes", "4"],
  },
  {
    id: "encryption-legacy",
    spoil: (d) => d.setFlags("KVM01", { useDesKeyOnly: true }),
    names: ["KVM01$", "USE_DES_KEY_ONLY"],
  },
  {
    id: "host-cannot-sign-in",
    spoil: (d) => d.setFlags("KVM01", { accountDisable: true }),
    names: ["KVM01$", "ACCOUNTDISABLE"],
  },
  {
    id: "host-cannot-sign-in",
    spoil: (d) => d.setAttributes("KVM01", { accountExpires: "130000000000000000" }),
    names: ["KVM01$", "accountExpires"],
  },
  {
    id: "host-sensitive",
    spoil: (d) => d.setFlags("KVM01", { notDelegated: true }),
    names: ["KVM01$", "NOT_DELEGATED"],
  },
  {
    id: "host-without-pac",
    spoil: (d) => d.setFlags("KVM01", { noAuthDataRequired: true }),
    names: ["KVM01$", "NO_AUTH_DATA_REQUIRED"],
  },
  {
    id: "machine-password-stale",
    spoil: (d) => d.setAttributes("KVM01", { pwdLastSet: "132500000000000000" }),
    names: ["KVM01$", "pwdLastSet"],
  },
  {
    id: "functional-level-old",
    spoil: (d) =>
      d.change((editor) => editor.set(editor.require(d.domain.dn), { "msDS-Behavior-Version": "4" })),
    names: ["lab.test", "msDS-Behavior-Version"],
  },
  {
    id: "impersonation-reach",
    spoil: (d) => d.setDelegation("KVM01", { protocol: "any" }),
    names: ["KVM01$", "of 2 hosts"],
  },
  {
    id: "change-rights-wide",
    spoil: (d) => {
      const sid = d.createUser({ name: "helper" }).sid;
      const aces = [{ type: AceType.accessAllowed, flags: 0, mask: AccessMask.genericAll, sid }];
      const descriptor = encodeSecurityDescriptor({
        control: 0,
        owner: WellKnownSid.administrators,
        dacl: { revision: 4, aces },
      });
      d.setAttributes("KVM01", { nTSecurityDescriptor: descriptor });
    },
    names: ["helper", "KVM01$", "nTSecurityDescriptor"],
  },
];

describe("each misconfiguration is found, with the object and the attribute in one sentence", () => {
  it.each(cases.map((one, index) => [`${index} ${one.id}`, one] as const))(
    "%s",
    (_, { id, request, spoil, names }) => {
      const directory = sound();
      spoil(directory);
      const found = findings(directory, request).filter((finding) => finding.id === id);
      expect(found.length, ids(directory, request).join()).toBeGreaterThan(0);
      const finding = found.find(({ cause }) =>
        names.every((name) => cause.toLowerCase().includes(name.toLowerCase())),
      );
      expect(finding, found.map(({ cause }) => cause).join("\n")).toBeDefined();
      expect(finding).toMatchObject({ docs: docsOf(id) });
      expect(finding?.cause.endsWith(".")).toBe(true);
      expect(finding?.effect).not.toBe("");
      expect(finding?.evidence.length).toBeGreaterThan(0);
      for (const remedy of finding?.remedies ?? []) {
        // Whatever changes the directory is there in all three forms.
        if (remedy.diffs.length > 0) {
          expect(remedy.ldif).toContain("changetype: modify");
          expect(remedy.powershell.length).toBeGreaterThan(0);
        }
      }
    },
  );

  it("covers every finding that a directory alone can show", () => {
    const elsewhere =
      /^(host-(unreachable|credssp|migration|port|networks|limit|evidence|delegation)|controller|prediction|source|attributes)/;
    const covered = new Set<string>(cases.map(({ id }) => id));
    expect(Object.keys(findingKinds).filter((id) => !covered.has(id) && !elsewhere.test(id))).toEqual([]);
  });
});

describe("automatic repair", () => {
  it("lifts what has one way out, and leaves the rest", () => {
    const directory = sound();
    directory.setFlags("KVM01", { notDelegated: true, noAuthDataRequired: true });
    directory.setFlags("krbtgt", { notDelegated: true });
    directory.removeSpn("KVM02", seedNames("kvm02")[1]!);
    directory.setDelegation("KVM02", { unconstrained: true });
    const made = planFindings({ view: directory, people: ["alice"], evidence: "ticket" });
    const after = examine({ view: viewAfter(directory, made.diffs), people: ["alice"], evidence: "ticket" });
    expect(after.findings.map(({ id }) => id)).toEqual(["unconstrained-delegation"]);
    expect(after.matrix.count()).toEqual({ works: 2, "depends-on-name": 0, fails: 0 });
  });
});

describe("sources that hide or garble", () => {
  const export1 = `dn: DC=lab,DC=test
objectClass: domainDNS
objectSid: S-1-5-21-1-2-3

dn: CN=KVM01,CN=Computers,DC=lab,DC=test
objectClass: computer
sAMAccountName: KVM01$
objectSid: S-1-5-21-1-2-3-1104
servicePrincipalName: Microsoft Virtual System Migration Service/kvm01.lab.test
`;

  it("says what could not be read and does not assume it empty", async () => {
    const { directory, problems } = await loadFromLdif([new TextEncoder().encode(export1)]);
    const report = examine({ view: directory, problems, people: [] });
    const hidden = report.findings.find(({ id }) => id === "attributes-unreadable");
    expect(hidden?.cause).toContain("KVM01$");
    expect(hidden?.cause).toContain("krbtgt");
    expect(hidden?.cause).toContain("useraccountcontrol");
  });

  it("reports a file that was cut short or damaged, by line", async () => {
    const damaged = `${export1}dn:: !!!\nsAMAccountName: x\n\ndn: CN=KVM02,CN=Comp`;
    const { directory, problems } = await loadFromLdif([new TextEncoder().encode(damaged)]);
    const report = examine({ view: directory, problems, people: [] });
    expect(report.findings.find(({ id }) => id === "source-damaged")?.evidence.length).toBeGreaterThan(0);
  });
});
