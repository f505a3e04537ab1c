import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrationServiceClass } from "@waybill/directory";
import { exportKeytab } from "@waybill/kdc";
import { writeKeytab } from "@waybill/kerberos";
import { type ChangeInput, LdapClient } from "@waybill/ldap";
import { administratorPassword, startController } from "../../../kdc/test/support/controller.ts";
import { AccountFlags, sambaComputer, sambaUser } from "../../../kerberos/test/support/samba-accounts.ts";
import { SambaDomain } from "../../../kerberos/test/support/samba-domain.ts";
import { asAdministrator } from "../../../ldap/test/support/domain.ts";
import { type Outcome, runToEnd, waybill, waybillCommand } from "./waybill.ts";

/**
 * A running domain controller, and a workstation's files for it. KVM01 may act towards KVM02 with Kerberos only, KVM03
 * with any protocol, KVM04 nothing, and WAC, a management server, towards nobody; alice, who may change nothing,
 * carol, who is sensitive, and Administrator.
 */
export interface LiveDomain {
  readonly kind: "ours" | "samba";
  readonly folder: string;
  /** An empty folder, where a command finds nothing and should leave nothing. */
  readonly cwd: string;
  /** As Administrator, on a connection of its own. */
  readonly ldap: LdapClient;
  /** Runs the command line as somebody. */
  as(person: "alice" | "Administrator", ...args: readonly string[]): Promise<Outcome>;
  /** The same on a terminal; once it asks, `meanwhile` is done and then the answer is yes. */
  answering(
    person: "alice" | "Administrator",
    args: readonly string[],
    meanwhile: () => Promise<void>,
  ): Promise<Outcome>;
  /** Path of an account's keytab. */
  keytab(account: string): Promise<string>;
  values(account: string, attribute: string): Promise<string[]>;
  modify(account: string, ...changes: readonly ChangeInput[]): Promise<void>;
  stop(): Promise<void>;
}

const hosts = ["KVM01", "KVM02", "KVM03", "KVM04"] as const;

export function namesOf(host: string): string[] {
  return [migrationServiceClass, "cifs"].flatMap((service) => [
    `${service}/${host.toUpperCase()}`,
    `${service}/${host.toLowerCase()}.lab.test`,
  ]);
}

export async function startOurs(): Promise<LiveDomain> {
  const test = await startController();
  const { directory, host } = { directory: test.controller.directory, host: test.host };
  directory.createUser({ name: "alice", password: "Passw0rd.alice" });
  directory.createUser({ name: "carol", password: "Passw0rd.carol", sensitive: true });
  for (const name of hosts) directory.createComputer({ name, migration: true });
  directory.createComputer({ name: "WAC" });
  directory.setDelegation("KVM01", { to: namesOf("kvm02"), protocol: "kerberos" });
  directory.setDelegation("KVM03", { to: namesOf("kvm02"), protocol: "any" });
  const ldap = await LdapClient.connect({ url: `ldapi://${encodeURIComponent(test.controller.ldapiPath)}` });
  await ldap.bindSimple("LAB\\Administrator", administratorPassword);
  return liveDomain({
    kind: "ours",
    ldap,
    krb5Conf: join(test.dir, "krb5.conf"),
    controller: { address: host, name: "dc1.lab.test" },
    passwords: { alice: "Passw0rd.alice", Administrator: administratorPassword },
    keytab: async (account, path) => await writeKeytab(path, exportKeytab(directory, account)),
    stop: () => test.stop(),
  });
}

export async function startSamba(): Promise<LiveDomain> {
  const to = namesOf("kvm02");
  const samba = await SambaDomain.start({
    seed: [
      ...sambaUser("lab.test", { name: "alice" }),
      ...sambaUser("lab.test", {
        name: "carol",
        flags: AccountFlags.passwordNeverExpires | AccountFlags.notDelegated,
      }),
      ...hosts.flatMap((name) =>
        sambaComputer("lab.test", {
          name,
          ...(name === "KVM01" || name === "KVM03" ? { delegateTo: to } : {}),
          ...(name === "KVM03" ? { flags: AccountFlags.trustedToAuthForDelegation } : {}),
        }),
      ),
      ...sambaComputer("lab.test", { name: "WAC", services: ["host"] }),
    ],
  });
  const ldap = await asAdministrator(samba);
  return liveDomain({
    kind: "samba",
    ldap,
    krb5Conf: samba.krb5Conf,
    controller: { address: samba.address, name: "dc1.lab.test" },
    passwords: { alice: "Passw0rd.alice", Administrator: samba.administratorPassword },
    keytab: async (account, path) =>
      writeFileSync(path, readFileSync(await samba.exportKeytab(account)), { mode: 0o600 }),
    stop: () => samba.stop(),
  });
}

interface Parts {
  readonly kind: LiveDomain["kind"];
  readonly ldap: LdapClient;
  readonly krb5Conf: string;
  readonly controller: { readonly address: string; readonly name: string };
  readonly passwords: Readonly<Record<"alice" | "Administrator", string>>;
  keytab(account: string, path: string): Promise<void>;
  stop(): Promise<void>;
}

async function liveDomain(parts: Parts): Promise<LiveDomain> {
  const { ldap, krb5Conf, controller, passwords } = parts;
  const folder = mkdtempSync(join(tmpdir(), "waybill-live-"));
  const cwd = join(folder, "cwd");
  mkdirSync(cwd);
  const config = join(folder, "workstation.yaml");
  writeFileSync(config, `ldap: {address: ${controller.address}, port: 389, name: ${controller.name}}\n`);
  const envOf = (person: string): Record<string, string> => ({
    KRB5_CONFIG: krb5Conf,
    WAYBILL_CONFIG: config,
    KRB5CCNAME: join(folder, `cc-${person}`),
    // This machine's own keytab, if it has one, is of another domain.
    KRB5_KTNAME: join(folder, "none.keytab"),
  });
  for (const person of ["alice", "Administrator"] as const) {
    const file = join(folder, `${person}.password`);
    writeFileSync(file, passwords[person], { mode: 0o600 });
    const login = await waybill(["ticket", "login", person, "--password-file", file], {
      env: envOf(person),
    });
    if (login.code !== 0) throw new Error(login.stderr);
  }
  const dnOf = async (account: string): Promise<string> => {
    const [entry] = await ldap
      .search({ base: "DC=lab,DC=test", filter: `(sAMAccountName=${account})`, attributes: ["cn"] })
      .all();
    return entry?.dn ?? "";
  };
  return {
    kind: parts.kind,
    folder,
    cwd,
    ldap,
    as: (person, ...args) => runToEnd("env", ["-C", cwd, ...waybillCommand, ...args], { env: envOf(person) }),
    answering: (person, args, meanwhile) =>
      answering([...waybillCommand, ...args], { env: envOf(person), cwd }, meanwhile),
    keytab: async (account) => {
      const path = join(folder, `${account.replace("$", "")}.keytab`);
      await parts.keytab(account, path);
      return path;
    },
    values: async (account, attribute) =>
      (await ldap.read(await dnOf(account), { attributes: [attribute] }))?.texts(attribute).sort() ?? [],
    modify: async (account, ...changes) => await ldap.modify(await dnOf(account), changes),
    stop: async () => {
      ldap.close();
      await parts.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Runs a command on a pseudo-terminal, which `script` makes. */
function answering(
  command: readonly string[],
  { env, cwd }: { readonly env: Readonly<Record<string, string>>; readonly cwd: string },
  meanwhile: () => Promise<void>,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const line = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    const child = spawn("script", ["-qec", line, "/dev/null"], {
      cwd,
      env: { ...process.env, NO_COLOR: "1", ...env },
    });
    let stdout = "";
    let asked = false;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      if (asked || !stdout.includes("[y/N]")) return;
      asked = true;
      meanwhile().then(() => child.stdin.write("y\n"), reject);
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr: "" }));
  });
}
