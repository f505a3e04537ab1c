import { userInfo } from "node:os";
import {
  type CacheContents,
  type Credential,
  fromCachedCredential,
  isTicketGrantingService,
  type Keytab,
  NameType,
  openCredentialCache,
  type Principal,
  parsePrincipal,
  readKeytab,
  samePrincipal,
  tgtFromCache,
  toCachedCredential,
} from "@waybill/kerberos";
import type { Command } from "commander";
import { formatTable } from "../output/table.ts";
import { displayName, flagNames, formatTicket, localTime, viewTicket } from "../output/ticket-view.ts";
import { currentLogin, loginCache } from "../session/login.ts";
import { durationOption, encTypesOption, principalInKeytab } from "../session/parse-options.ts";
import { readPassword } from "../session/read-password.ts";
import { readWorkstation, type Workstation } from "../session/workstation.ts";
import { registerTicketS4u } from "./ticket-s4u.ts";

interface CacheOption {
  readonly cache?: string;
  readonly json?: boolean;
}

interface LoginOptions extends CacheOption {
  readonly passwordFile?: string;
  readonly keytab?: string;
  readonly armorCache?: string;
  readonly lifetime?: number;
  readonly renewable?: number;
  readonly forwardable: boolean;
  readonly enterprise?: boolean;
}

interface GetOptions extends CacheOption {
  readonly etypes?: readonly number[];
  readonly fresh?: boolean;
  readonly store: boolean;
}

export function registerTicket(program: Command): void {
  const ticket = program.command("ticket").description("log in, list, get and test Kerberos tickets");
  ticket
    .command("login")
    .description("log in and keep the ticket in the credential cache, as kinit does")
    .argument(
      "[principal]",
      "who; the realm may be left out (default: your user name, or the keytab's first)",
    )
    .option("--password-file <file>", "read the password from a file, - for standard input")
    .option("--keytab <file>", "log in with a keytab instead of a password")
    .option("--armor-cache <name>", "protect the login with the ticket in this cache (FAST)")
    .option("--lifetime <duration>", "such as 10h", durationOption)
    .option(
      "--renewable <duration>",
      "ask for a ticket that can be renewed so long, such as 7d",
      durationOption,
    )
    .option("--no-forwardable", "ask for a ticket that cannot be passed on")
    .option("--enterprise", "the name is an e-mail-like logon name; the KDC finds the account")
    .option("--cache <name>", "credential cache (default: $KRB5CCNAME, else krb5.conf's)")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      examples(
        "login alice",
        "login 'KVM01$' --keytab /etc/krb5.keytab",
        "login alice@LAB.TEST --password-file - < secret",
      ),
    )
    .action(async (name: string | undefined, options: LoginOptions) =>
      print(await login(name, options), options),
    );
  ticket
    .command("list")
    .description("the tickets in the credential cache")
    .option("--cache <name>", "credential cache")
    .option("--json", "as JSON")
    .addHelpText("after", examples("list", "list --cache DIR:/run/user/1000/krb5cc --json"))
    .action(list);
  ticket
    .command("get")
    .description("get a ticket to a service and keep it in the cache")
    .argument("<service>", "such as cifs/kvm02.lab.test; another realm's with @REALM")
    .option("--etypes <list>", "encryption types to ask for, such as aes256-cts", encTypesOption)
    .option("--fresh", "ask the KDC even when the cache has one")
    .option("--no-store", "do not keep it")
    .option("--cache <name>", "credential cache")
    .option("--json", "as JSON")
    .addHelpText("after", examples("get cifs/kvm02.lab.test", "get HTTP/www.lab.test --fresh --json"))
    .action(async (service: string, options: GetOptions) => print(await get(service, options), options));
  registerTicketS4u(ticket);
  ticket
    .command("renew")
    .description("give the ticket-granting ticket a new life; tickets to services stay")
    .option("--cache <name>", "credential cache")
    .option("--json", "as JSON")
    .addHelpText("after", examples("renew"))
    .action(async (options: CacheOption) => print(await renew(options), options));
  ticket
    .command("purge")
    .description("destroy the credential cache, or only what is in it for services")
    .option("--services", "keep the login, drop the tickets to services")
    .option("--cache <name>", "credential cache")
    .option("--json", "as JSON")
    .addHelpText("after", examples("purge", "purge --services"))
    .action(purge);
}

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  waybill ticket ${line}`).join("\n")}`;
}

function print(credential: Credential, { json }: CacheOption): void {
  console.log(json ? JSON.stringify(viewTicket(credential)) : formatTicket(credential));
}

function openWorkstation({ cache }: CacheOption): Workstation {
  const workstation = readWorkstation();
  return cache === undefined ? workstation : { ...workstation, cacheName: cache };
}

async function login(name: string | undefined, options: LoginOptions): Promise<Credential> {
  const workstation = openWorkstation(options);
  const { krb5, client } = workstation;
  const keytab = options.keytab === undefined ? undefined : await readKeytab(options.keytab);
  const principal = whoLogsIn(name, options, keytab, krb5.defaultRealm);
  const armor =
    options.armorCache === undefined
      ? undefined
      : await tgtFromCache(openCredentialCache(options.armorCache));
  const secret =
    keytab === undefined
      ? {
          password: await readPassword(options.passwordFile, `Password of ${displayName(principal)}: `),
        }
      : { keytab };
  const tgt = await client.login({
    ...secret,
    principal,
    armor,
    lifetime: options.lifetime ?? krb5.duration("libdefaults", "ticket_lifetime"),
    renewableLifetime: options.renewable ?? krb5.libdefaults.renewLifetime,
    forwardable: options.forwardable,
  });
  await loginCache(workstation).write({
    principal: tgt.client,
    credentials: [toCachedCredential(tgt)],
    config: [],
  });
  return tgt;
}

function whoLogsIn(
  name: string | undefined,
  { enterprise, keytab: file }: LoginOptions,
  keytab: Keytab | undefined,
  defaultRealm: string | undefined,
): Principal {
  if (keytab !== undefined && file !== undefined) return principalInKeytab(keytab, name, file, defaultRealm);
  return parsePrincipal(name ?? userInfo().username, {
    defaultRealm,
    ...(enterprise ? { nameType: NameType.enterprise } : {}),
  });
}

async function list(options: CacheOption): Promise<void> {
  const workstation = openWorkstation(options);
  const { cacheName } = workstation;
  const { principal, credentials } = await loginCache(workstation).read();
  const tickets = credentials.map(fromCachedCredential);
  const client = displayName(principal);
  if (options.json) {
    console.log(JSON.stringify({ cache: cacheName, client, tickets: tickets.map(viewTicket) }));
    return;
  }
  console.log(`${client} in ${cacheName}\n`);
  const now = Date.now();
  const rows = tickets.map((ticket) => {
    const { server, sessionKey } = viewTicket(ticket);
    const end = ticket.endTime < now ? "expired" : localTime(ticket.endTime);
    return [server, end, sessionKey, flagNames(ticket.flags).join(" ")];
  });
  console.log(formatTable(["service", "valid until", "session key", "flags"], rows));
}

async function get(service: string, options: GetOptions): Promise<Credential> {
  const workstation = openWorkstation(options);
  const cache = loginCache(workstation);
  const tgt = await currentLogin(workstation);
  const server = parsePrincipal(service, { defaultRealm: tgt.client.realm });
  if (!options.fresh && options.etypes === undefined) {
    const kept = heldTicket(await cache.read(), tgt.client, server);
    if (kept !== undefined) return kept;
  }
  const credential = await workstation.client.getTicket({ tgt, server, etypes: options.etypes });
  if (options.store) await cache.add(toCachedCredential(credential));
  return credential;
}

function heldTicket(
  { credentials }: CacheContents,
  client: Principal,
  server: Principal,
): Credential | undefined {
  const held = credentials.find(
    (cached) =>
      samePrincipal(cached.server, server) &&
      samePrincipal(cached.client, client) &&
      cached.endTime > Date.now(),
  );
  return held && fromCachedCredential(held);
}

async function renew(options: CacheOption): Promise<Credential> {
  const workstation = openWorkstation(options);
  const cache = loginCache(workstation);
  const renewed = await workstation.client.renew(await currentLogin(workstation));
  const contents = await cache.read();
  const others = contents.credentials.filter(({ server }) => !samePrincipal(server, renewed.server));
  await cache.write({ ...contents, credentials: [toCachedCredential(renewed), ...others] });
  return renewed;
}

async function purge({ services, ...options }: CacheOption & { readonly services?: boolean }): Promise<void> {
  const workstation = openWorkstation(options);
  const { cacheName } = workstation;
  const cache = loginCache(workstation);
  if (services) {
    const contents = await cache.read();
    const credentials = contents.credentials.filter(({ server }) => isTicketGrantingService(server));
    await cache.write({ ...contents, credentials });
  } else await cache.destroy();
  if (options.json) console.log(JSON.stringify({ cache: cacheName, purged: services ? "services" : "all" }));
}
