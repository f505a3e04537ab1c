import { statSync } from "node:fs";
import { WaybillError } from "@waybill/base";
import {
  directoryNames,
  directoryNamesOf,
  type HostConfig,
  migrationServiceClass,
  type NameLookup,
  readHostConfig,
  readKnownNames,
} from "@waybill/host";
import {
  type Credential,
  dnsLocator,
  firstOf,
  formatPrincipal,
  KerberosClient,
  loadKrb5Conf,
  NetworkTransport,
  readKeytab,
  staticLocator,
} from "@waybill/kerberos";
import { probeQemu, receivedBytes } from "@waybill/qemu";
import type { Command } from "commander";
import { ExitCode } from "../output/exit-code.ts";
import { style } from "../output/style.ts";
import { type SetupOptions, setUpHost } from "../setup/set-up-host.ts";

interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly remedy?: string;
}

export function registerHostSetup(host: Command, defaultConfig: string): void {
  host
    .command("check")
    .description("check configuration, keytab, clock, service names and QEMU, without starting anything")
    .option("--config <file>", "the host's configuration", defaultConfig)
    .option("--json", "as JSON")
    .action(async ({ config, json }: { config: string; json?: boolean }) => {
      const checks = await checkHost(config);
      if (json) console.log(JSON.stringify(checks));
      else for (const check of checks) console.log(formatCheck(check));
      if (checks.some(({ ok }) => !ok)) process.exitCode = ExitCode.failed;
    });
  host
    .command("setup")
    .description("make users and folders, and write a first configuration and systemd units for this machine")
    .requiredOption("--host <name>", "full DNS name, such as kvm01.example.com")
    .requiredOption("--realm <realm>", "the domain's realm")
    .option("--config <file>", "where the configuration goes", defaultConfig)
    .option("--units <dir>", "where the units go", "/etc/systemd/system")
    .option("--root <dir>", "for the system in this folder, as for an image, instead of this one", "/")
    .action((options: SetupOptions) => {
      console.log(setUpHost(options).join("\n"));
    });
}

function formatCheck({ name, ok, detail, remedy }: Check): string {
  const mark = ok ? style.good("ok    ") : style.bad("failed");
  return `${mark} ${name}: ${detail}${ok || remedy === undefined ? "" : `\n       ${style.strong("What to do:")} ${remedy}`}`;
}

async function attempt(name: string, remedy: string, work: () => Promise<string> | string): Promise<Check> {
  try {
    return { name, ok: true, detail: await work() };
  } catch (error) {
    const known = error instanceof WaybillError ? error.remedy : undefined;
    return {
      name,
      ok: false,
      detail: error instanceof Error ? error.message : String(error),
      remedy: known ?? remedy,
    };
  }
}

async function checkHost(path: string): Promise<Check[]> {
  const checks: Check[] = [];
  checks.push(await attempt("configuration", "Correct the file.", () => readHostConfig(path).host));
  if (checks.some(({ ok }) => !ok)) return checks;
  const config = readHostConfig(path);
  const account = `${(config.host.split(".")[0] ?? "").toUpperCase()}$@${config.realm}`;
  checks.push(
    await attempt("keytab", `Export the keys of ${account} to ${config.keytab}, mode 0600.`, async () => {
      const mode = statSync(config.keytab).mode & 0o077;
      if (mode !== 0)
        throw new WaybillError("others may read it", {
          code: "KEYTAB_EXPOSED",
          family: "environment",
          remedy: `chmod 600 ${config.keytab}`,
        });
      const { entries } = await readKeytab(config.keytab);
      const names = new Set(entries.map(({ principal }) => formatPrincipal(principal, { display: true })));
      if (!names.has(account))
        throw new WaybillError(`it has no key of ${account}`, {
          code: "NO_USABLE_KEY",
          family: "environment",
        });
      return `${entries.length} keys of ${names.size} names`;
    }),
  );
  const conf = loadKrb5Conf(config["krb5-conf"] ?? "/etc/krb5.conf");
  const kdc = conf.servers(config.realm, "kdc");
  const locator = firstOf(staticLocator(kdc.length === 0 ? {} : { [config.realm]: { kdc } }), dnsLocator());
  const client = new KerberosClient({ transport: new NetworkTransport({ locator }), timeout: 5000 });
  let tgt: Credential | undefined;
  checks.push(
    await attempt("sign-in", "Check the machine password, the clock and DNS.", async () => {
      const keytab = await readKeytab(config.keytab);
      const principal = keytab.entries.find(
        (entry) => formatPrincipal(entry.principal, { display: true }) === account,
      )?.principal;
      if (principal === undefined)
        throw new WaybillError(`no key of ${account}`, { code: "NO_USABLE_KEY", family: "environment" });
      tgt = await client.login({ principal, keytab, forwardable: true });
      for (const service of ["WSMAN", migrationServiceClass, "cifs"]) {
        const server = { ...principal, nameType: 2, components: [service, config.host] };
        await client.getTicket({ tgt, server });
      }
      return `${account}; WSMAN, ${migrationServiceClass} and cifs are registered`;
    }),
  );
  checks.push(
    await attempt("access", "Check the names under `access` and `groups`.", async () => {
      const held = tgt;
      const lookup = directoryNames({
        realm: config.realm,
        controller: config.directory,
        getTicket: async (server, signal) => {
          if (held === undefined)
            throw new WaybillError("this host has no ticket to ask the directory with", {
              code: "NO_USABLE_KEY",
              family: "environment",
            });
          return await client.getTicket({ tgt: held, server }, { signal });
        },
      });
      return await checkAccess(config, lookup);
    }),
  );
  checks.push(
    await attempt("QEMU", "Install qemu-system-x86.", async () => {
      const { version, accelerator, kvm } = await probeQemu();
      return `${version}, accelerator ${accelerator}${accelerator === "kvm" ? "" : ` (KVM: ${JSON.stringify(kvm)})`}`;
    }),
  );
  checks.push(
    await attempt("arriving migrations", "Install iproute2.", async () => {
      await receivedBytes([config.migration?.port ?? 6600]);
      return "what arrives can be counted, so that one that stands still is ended";
    }),
  );
  return checks;
}

/** Whether every name of the access list is somebody. @throws WaybillError `ACCESS_NAME_UNKNOWN`, `ACCESS_NAMES_NOT_CHECKED` */
async function checkAccess(config: HostConfig, lookup: NameLookup): Promise<string> {
  const rules = `${config.access.length} ${config.access.length === 1 ? "rule" : "rules"}`;
  const names = directoryNamesOf({ rules: config.access, groups: config.groups });
  if (names.length === 0) return `${rules}, no name to ask the directory for`;
  let found: ReadonlyMap<string, string>;
  try {
    found = await lookup(names);
  } catch (cause) {
    throw notChecked(config, names, cause);
  }
  const unknown = names.filter((name) => !found.has(name.toLowerCase()));
  if (unknown.length === 0)
    return `${rules}; ${names.map((name) => `${name} is ${found.get(name.toLowerCase()) ?? ""}`).join(", ")}`;
  throw new WaybillError(
    `the domain has no one user or group called ${unknown.join(", ")}: rules grant them nothing`,
    {
      code: "ACCESS_NAME_UNKNOWN",
      family: "caller",
      remedy: "Use the pre-Windows 2000 name of the group (sAMAccountName), user@domain, or a SID.",
    },
  );
}

/** No controller answers: says what holds meanwhile. */
function notChecked(config: HostConfig, names: readonly string[], cause: unknown): WaybillError {
  const kept = readKnownNames(config.state, config.realm);
  const unknown = names.filter((name) => kept?.sids.has(name.toLowerCase()) !== true);
  const known =
    kept === undefined
      ? "nothing was known before"
      : `what it said at ${new Date(kept.asked).toISOString()} holds`;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new WaybillError(
    `the directory does not say who ${names.join(", ")} are (${reason}); ${known}${unknown.length === 0 ? "" : `, and ${unknown.join(", ")} may do nothing`}`,
    {
      code: "ACCESS_NAMES_NOT_CHECKED",
      family: "environment",
      remedy: "Let LDAP (TCP 389) through to a domain controller, or name one under `directory`.",
      cause,
    },
  );
}
