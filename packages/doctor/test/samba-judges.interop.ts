import { execFile } from "node:child_process";
import { join } from "node:path";
import { encodeSecurityDescriptor, loadFromLdap, type MemoryDirectory, parseSddl } from "@waybill/directory";
import { delegationSettings, examine, type FindingId, predict, readDescriptors } from "@waybill/doctor";
import type { LdapClient } from "@waybill/ldap";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  AccountFlags,
  migrationService,
  sambaComputer,
  sambaUser,
} from "../../kerberos/test/support/samba-accounts.ts";
import { SambaDomain, type SambaOperation } from "../../kerberos/test/support/samba-domain.ts";
import { asAdministrator } from "../../ldap/test/support/domain.ts";

// A Samba domain with every misconfiguration that its directory can hold, and foreign programs that look at the same.

const profile = "samba-4.17" as const;
const host = (name: string): string[] => [`${name.toLowerCase()}.lab.test`, name];
const escaped = (spn: string): string => spn.replaceAll(" ", "\\ ");
const both = (spn: string): string[] => (spn.includes(" ") ? [spn, escaped(spn)] : [spn]);
/** `sambaComputer` adds the escaped spellings. */
const towards = (...names: readonly string[]): string[] =>
  names.flatMap((name) =>
    [migrationService, "cifs"].flatMap((service) => host(name).map((target) => `${service}/${target}`)),
  );

const modify = (name: string, attributes: Record<string, string | string[]>): SambaOperation => ({
  op: "modify",
  name: `${name}$`,
  attributes,
});

/** One host for each fault, called after it. */
function faults(): SambaOperation[] {
  const any = AccountFlags.trustedToAuthForDelegation;
  const computers = [
    { name: "GOOD", delegateTo: towards("TARGET"), flags: any },
    { name: "TARGET", delegateTo: towards("GOOD"), flags: any },
    { name: "KERBONLY", delegateTo: towards("TARGET") },
    { name: "HALF", delegateTo: [`cifs/target.lab.test`], flags: any },
    { name: "DANGLING", delegateTo: [...towards("TARGET"), "cifs/gone.lab.test"], flags: any },
    { name: "ASTRAY", delegateTo: [`${migrationService}/moved.lab.test`], flags: any },
    { name: "MOVED" },
    { name: "NAMELESS", services: ["host"] },
    { name: "PLAIN" },
    { name: "DEFEATED", delegateTo: ["http/target.lab.test"] },
    { name: "GRANTOR" },
    { name: "WIDE" },
    { name: "DEADSID" },
    { name: "EMPTYSD" },
    { name: "UNCONST", flags: AccountFlags.trustedForDelegation },
    { name: "RC4ONLY" },
    { name: "OFF", flags: AccountFlags.disabled },
    { name: "SENSITIV", flags: AccountFlags.notDelegated },
    { name: "NOPAC", flags: AccountFlags.noAuthDataRequired },
    { name: "STALE" },
    { name: "OPEN" },
  ];
  const people = [
    { name: "alice" },
    { name: "sens", flags: AccountFlags.passwordNeverExpires | AccountFlags.notDelegated },
    { name: "mustchg", flags: 0 },
    { name: "helpdesk" },
  ];
  const moved = both(`${migrationService}/moved.lab.test`);
  return [
    ...people.flatMap((person) => sambaUser("lab.test", person)),
    ...computers.flatMap((computer) => sambaComputer("lab.test", computer)),
    { op: "modify", name: "mustchg", attributes: { pwdLastSet: "0" } },
    modify("MOVED", {
      servicePrincipalName: [
        ...host("MOVED").map((target) => `host/${target}`),
        ...both(`${migrationService}/MOVED`),
      ],
    }),
    modify("STALE", {
      servicePrincipalName: [
        ...["host", "cifs", "WSMAN", migrationService].flatMap((service) =>
          host("STALE").flatMap((target) => both(`${service}/${target}`)),
        ),
        ...moved,
      ],
    }),
    modify("PLAIN", {
      servicePrincipalName: ["host", "cifs", migrationService].flatMap((service) =>
        host("PLAIN").map((target) => `${service}/${target}`),
      ),
    }),
    modify("RC4ONLY", { "msDS-SupportedEncryptionTypes": "4" }),
    { op: "allow", name: "GRANTOR$", from: ["DEFEATED$"] },
    { op: "member", group: "Domain Admins", names: ["sens"], member: true },
    { op: "member", group: "Domain Admins", names: ["mustchg"], member: true },
    { op: "member", group: "Domain Admins", names: ["alice"], member: true },
  ];
}

let domain: SambaDomain;
let ldap: LdapClient;
let view: MemoryDirectory;

beforeAll(async () => {
  domain = await SambaDomain.start({ seed: faults() });
  ldap = await asAdministrator(domain);
  const { directory: fresh } = await loadFromLdap(ldap);
  await domain.apply([
    descriptor("WIDE", "O:BAD:(A;;GA;;;WD)"),
    descriptor("DEADSID", `O:BAD:(A;;GA;;;${fresh.domain.sid}-4444)`),
    descriptor("EMPTYSD", "O:BAD:(A;;RP;;;BA)"),
    {
      op: "modify",
      name: "krbtgt",
      attributes: { userAccountControl: String(0x202 | AccountFlags.notDelegated) },
    },
  ]);
  view = (await loadFromLdap(ldap)).directory;
});

afterAll(async () => {
  ldap?.close();
  await domain?.stop();
});

function descriptor(name: string, sddl: string): SambaOperation {
  const base64 = Buffer.from(encodeSecurityDescriptor(parseSddl(sddl))).toString("base64");
  return {
    op: "modify",
    name: `${name}$`,
    attributes: { "msDS-AllowedToActOnBehalfOfOtherIdentity": { base64 } },
  };
}

describe("the doctor over LDAP", () => {
  it.each(["samba-4.17", "active-directory"] as const)(
    "finds every fault, by the rules of %s",
    async (kdc) => {
      const hosts = [...view.accounts()].filter(
        ({ kind, samAccountName }) => kind === "computer" && samAccountName !== "DC1$",
      );
      const descriptors = await readDescriptors(ldap, view.domain.dn, hosts);
      // Samba sets pwdLastSet itself: it is the clock that goes on.
      const later = Date.now() + 100 * 86_400_000;
      const { findings } = examine({
        view,
        profile: kdc,
        hosts,
        evidence: "s4u2self",
        descriptors,
        now: later,
      });
      const about = (id: FindingId): string =>
        findings
          .filter((finding) => finding.id === id)
          .map(({ cause }) => cause)
          .join("\n");
      const expected: Partial<Record<FindingId, string>> = {
        "protocol-transition-off": "KERBONLY$",
        "delegation-incomplete": "HALF$",
        "delegation-one-way": "DANGLING$",
        "entry-dangling": "cifs/gone.lab.test",
        "entry-misplaced": "ASTRAY$",
        "service-name-misplaced": "moved.lab.test",
        "service-name-missing": "NAMELESS$",
        "resource-grant-wide": "WIDE$",
        "resource-grant-dead": "DEADSID$",
        "resource-grant-ineffective": "EMPTYSD$",
        "unconstrained-delegation": "UNCONST$",
        "person-not-delegable": "sens",
        "person-cannot-sign-in": "mustchg",
        "krbtgt-sensitive": "krbtgt",
        "encryption-legacy": "RC4ONLY$",
        "host-cannot-sign-in": "OFF$",
        "host-sensitive": "SENSITIV$",
        "host-without-pac": "NOPAC$",
        "machine-password-stale": "STALE$",
        "impersonation-reach": "GOOD$",
        ...(kdc === "samba-4.17"
          ? { "service-name-escaped": "PLAIN$", "resource-delegation-ignored": "GRANTOR$" }
          : { "resource-grant-defeated": "DEFEATED$", "functional-level-old": "lab.test" }),
      };
      for (const [id, name] of Object.entries(expected)) expect(about(id as FindingId), id).toContain(name);
    },
  );
});

describe("foreign programs", () => {
  const examples = "/usr/share/doc/python3-impacket/examples";
  const run = async (
    program: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): Promise<string> =>
    await new Promise((resolve) => {
      const options = { env: { ...process.env, LC_ALL: "C", ...env }, timeout: 60_000 };
      execFile(program, args, options, (error, stdout, stderr) =>
        resolve(`${stdout}${stderr}${error === null ? "" : `exit ${error.code}`}`),
      );
    });

  it("findDelegation lists no delegation that the doctor does not", async () => {
    const who = `lab.test/Administrator:${domain.administratorPassword}`;
    const said = await run("/usr/bin/python3", [
      join(import.meta.dirname, "support/impacket-simple-bind.py"),
      join(examples, "findDelegation.py"),
      who,
      "-dc-ip",
      domain.address,
    ]);
    const rows = said
      .split("\n")
      .map((line) => line.trimEnd().split(/\s{2,}/))
      .filter(([account, type]) => account !== undefined && /^(Computer|Person|N\/A)$/.test(type ?? ""));
    expect(rows.length, said).toBeGreaterThan(20);
    const ours = new Set(
      delegationSettings(view).map(({ account, kind, towards: what }) =>
        `${account} ${kind} ${what}`.toLowerCase(),
      ),
    );
    const kinds: Readonly<Record<string, string>> = {
      Unconstrained: "unconstrained",
      Constrained: "kerberos-only",
      "Constrained w/ Protocol Transition": "any-protocol",
      "Resource-Based Constrained": "resource-based",
    };
    for (const [account, , type = "", what = ""] of rows) {
      const kind = kinds[type] ?? type;
      expect([...ours]).toContain(
        `${account} ${kind} ${kind === "unconstrained" ? "everything" : what}`.toLowerCase(),
      );
    }
  });

  it("MIT's kvno -U -P gets tickets where they are predicted, and only there", async () => {
    const sources = ["GOOD", "KERBONLY", "HALF", "DANGLING", "DEFEATED", "SENSITIV", "TARGET"];
    const people = ["alice", "sens", "mustchg"];
    const names = ["cifs/target.lab.test", "cifs/TARGET", "cifs/good.lab.test", "cifs/nopac.lab.test"];
    let granted = 0;
    for (const source of sources) {
      const cache = join(domain.directory, `cache-${source}`);
      const keytab = await domain.exportKeytab(`${source}$`);
      const env = { KRB5_CONFIG: domain.krb5Conf, KRB5CCNAME: cache };
      expect(await run("kinit", ["-k", "-t", keytab, `${source}$`], env)).toBe("");
      for (const person of people) {
        for (const name of names) {
          const destination = name.slice(5).split(".")[0] ?? "";
          if (destination.toLowerCase() === source.toLowerCase()) continue;
          const story = predict({
            view,
            profile,
            person,
            source,
            destination,
            evidence: "s4u2self",
            services: ["storage"],
            spellings: [name.includes(".") ? "full" : "short"],
          });
          // kvno does not sign the person in: what comes after the host's own ticket.
          const asked = story.exchanges.filter(({ kind }) => kind === "s4u2self" || kind === "s4u2proxy");
          const said = await run("kvno", ["-k", keytab, "-U", person, "-P", name], env);
          const works = asked.length > 0 && asked.every(({ decision }) => decision === "granted");
          const stopped = story.exchanges.find(({ decision }) => decision === "refused");
          if (asked.length === 0 && stopped?.kind === "login") continue;
          expect(!said.includes("exit"), `${person} ${source} ${name}: ${said}`).toBe(works);
          if (works) granted++;
        }
      }
    }
    expect(granted).toBeGreaterThan(5);
  });
});
