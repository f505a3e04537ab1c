import { join, resolve } from "node:path";
import { exportLdif } from "@waybill/directory";
import { controllerPaths, createControllerState, exportKeytab } from "@waybill/kdc";
import { writeKeytab } from "@waybill/kerberos";
import type { Command } from "commander";
import { readPassword } from "../session/read-password.ts";
import { registerAccounts } from "./dc/accounts.ts";
import { registerDelegation } from "./dc/delegation.ts";
import { examples } from "./dc/examples.ts";
import { registerImport } from "./dc/import.ts";
import { parsePort, registerServe } from "./dc/serve.ts";
import { inDirectory, type StateOptions, withState } from "./dc/state.ts";
import { registerTrusts } from "./dc/trusts.ts";

interface InitOptions extends StateOptions {
  readonly realm: string;
  readonly passwordFile?: string;
  readonly controller: string;
}

/** `waybill dc …`: a small domain controller. Every command but `serve` acts at once, also on a controller that runs. */
export function registerDc(program: Command): void {
  const dc = program.command("dc").description("a small domain controller: directory, KDC, LDAP");
  withState(dc.command("init"))
    .description("create a domain in a new state directory")
    .requiredOption("--realm <name>", "LAB.TEST")
    .option("--password-file <file>", "first line is the Administrator's password; - for standard input")
    .option("--controller <name>", "name of the domain controller", "DC1")
    .addHelpText(
      "after",
      examples("init --realm LAB.TEST", "init --realm LAB.TEST --password-file - < secret"),
    )
    .action(async (options: InitOptions) => {
      const { realm, controller, state } = options;
      const administratorPassword = await readPassword(options.passwordFile, "Administrator's password: ");
      const directory = createControllerState(state, { realm, controller, administratorPassword });
      const { domain } = directory;
      await directory.close();
      console.log(`created the domain ${domain.realm} (${domain.sid}) in ${resolve(state)}`);
    });
  registerServe(dc);
  registerAccounts(dc);
  registerDelegation(dc);
  registerTrusts(dc);
  registerFiles(dc);
  registerImport(dc);
}

function registerFiles(dc: Command): void {
  withState(dc.command("keytab <account>"))
    .description("write an account's keys under all of its names")
    .requiredOption("--out <file>", "the keytab, readable by you alone")
    .addHelpText("after", examples("keytab 'KVM01$' --out kvm01.keytab"))
    .action(async (account: string, options: StateOptions & { out: string }) => {
      const keytab = await inDirectory(options, (directory) => exportKeytab(directory, account));
      await writeKeytab(options.out, keytab);
      console.log(`wrote ${keytab.entries.length} keys to ${options.out}`);
    });
  withState(dc.command("krb5-conf"))
    .description("print a krb5.conf for this domain")
    .option("--server <address>", "where the controller listens", "127.0.0.1")
    .option("--kdc-port <n>", "as given to serve", parsePort, 88)
    .option("--kpasswd-port <n>", "as given to serve", parsePort, 464)
    .addHelpText(
      "after",
      examples(
        "krb5-conf --server 10.0.0.5 > /etc/krb5.conf",
        "krb5-conf --kdc-port 8888 --kpasswd-port 8464 > krb5.conf",
      ),
    )
    .action(async (options: StateOptions & Krb5ConfOptions) => {
      const domain = await inDirectory(options, (directory) => directory.domain);
      console.log(krb5Conf(domain.realm, domain.dnsName, options));
    });
  withState(dc.command("status"))
    .description("what the domain holds")
    .option("--json", "as JSON")
    .action(async (options: StateOptions & { json?: boolean }) => {
      await inDirectory(options, (directory) => {
        const { domain } = directory;
        const kinds = new Map<string, number>();
        for (const { kind } of directory.accounts()) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        const certificate = join(controllerPaths(resolve(options.state)).tls, "ca.pem");
        if (options.json === true) {
          const { realm, dnsName, netbiosName, sid } = domain;
          const accounts = Object.fromEntries(kinds);
          return console.log(JSON.stringify({ realm, dnsName, netbiosName, sid, accounts, certificate }));
        }
        console.log(`realm        ${domain.realm}`);
        console.log(`domain       ${domain.dnsName} (${domain.netbiosName})`);
        console.log(`SID          ${domain.sid}`);
        for (const [kind, count] of kinds) console.log(`${`${kind}s`.padEnd(12)} ${count}`);
        console.log(`certificate  ${certificate}`);
      });
    });
  withState(dc.command("export"))
    .description("the directory as LDIF, without passwords and keys, on standard output")
    .addHelpText("after", examples("export > lab.ldif"))
    .action(async (options: StateOptions) => {
      await inDirectory(options, (directory) => {
        for (const text of exportLdif(directory)) process.stdout.write(text);
      });
    });
}

interface Krb5ConfOptions {
  readonly server: string;
  readonly kdcPort: number;
  readonly kpasswdPort: number;
}

function krb5Conf(realm: string, dnsName: string, options: Krb5ConfOptions): string {
  const server = options.server.includes(":") ? `[${options.server}]` : options.server;
  const at = (port: number, usual: number): string => (port === usual ? server : `${server}:${port}`);
  return `[libdefaults]
  default_realm = ${realm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  forwardable = true

[realms]
  ${realm} = {
    kdc = ${at(options.kdcPort, 88)}
    kpasswd_server = ${at(options.kpasswdPort, 464)}
    admin_server = ${server}
  }

[domain_realm]
  .${dnsName} = ${realm}
  ${dnsName} = ${realm}`;
}
