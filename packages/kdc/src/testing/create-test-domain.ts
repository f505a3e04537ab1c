import { type Clock, type Logger, silentLogger, systemClock } from "@waybill/base";
import {
  type DelegationSettings,
  MemoryDirectory,
  type MemoryDirectoryOptions,
  type NewComputer,
  type NewGroup,
  type NewUser,
} from "@waybill/directory";
import {
  type KdcTransport,
  KerberosClient,
  type KerberosClientOptions,
  type Keytab,
  NetworkTransport,
  type Principal,
  parsePrincipal,
  staticLocator,
} from "@waybill/kerberos";
import { accountStateOf, passwordsOf } from "../exchanges/account-writers.ts";
import { Kdc } from "../exchanges/kdc.ts";
import type { KdcEvent, KdcSettings } from "../exchanges/kdc-context.ts";
import { PasswordService } from "../exchanges/password-change.ts";
import type { KdcProfile } from "../policy/index.ts";
import { exportKeytab } from "../server/export-keytab.ts";
import { type KdcServer, type KdcServerOptions, startKdcServer } from "../server/kdc-server.ts";

export interface TestDomainOptions extends Omit<MemoryDirectoryOptions, "clock"> {
  readonly users?: readonly (NewUser | string)[] | undefined;
  readonly computers?: readonly (NewComputer | string)[] | undefined;
  readonly groups?: readonly NewGroup[] | undefined;
  /** Delegation settings by account name. */
  readonly delegation?: Readonly<Record<string, DelegationSettings>> | undefined;
  readonly clock?: Clock | undefined;
  readonly log?: Logger | undefined;
  readonly settings?: Partial<KdcSettings> | undefined;
  readonly profile?: KdcProfile | undefined;
  /** Real UDP and TCP sockets instead of none; `true`: free ports of 127.0.0.1. */
  readonly sockets?:
    | boolean
    | Pick<KdcServerOptions, "host" | "port" | "kpasswdPort" | "maxDatagram" | "kkdcp">
    | undefined;
  readonly onEvent?: ((event: KdcEvent) => void) | undefined;
  /** Keep every outcome in `events`. Default: true; switch off for long runs. */
  readonly keepEvents?: boolean | undefined;
}

/** The password of accounts that a test gives by name only. */
export const testPassword = "Passw0rd!";

/** A domain with a KDC, its password service and a client, for one test. */
export interface TestDomain {
  readonly realm: string;
  readonly directory: MemoryDirectory;
  readonly kdc: Kdc;
  readonly passwords: PasswordService;
  /** Calls the KDC directly, or over its sockets if it has any. */
  readonly transport: KdcTransport;
  readonly client: KerberosClient;
  readonly clock: Clock;
  /** The sockets, if asked for. */
  readonly server: KdcServer | undefined;
  /** Outcomes so far, oldest first. */
  readonly events: readonly KdcEvent[];
  /** `alice`, `host/kvm01.lab.test`: with the domain's realm unless another is named. */
  principal(name: string): Principal;
  /** Another client, as of another process: nothing cached. */
  newClient(options?: Partial<KerberosClientOptions>): KerberosClient;
  /** An account's keys under all of its names. */
  keytab(account: string): Keytab;
  close(): Promise<void>;
}

/**
 * A whole domain for a test: directory, KDC, client; no files, and no sockets unless asked for. Ready in milliseconds.
 *
 * @example
 * const domain = await createTestDomain({
 *   users: ["alice"],
 *   computers: ["KVM01", "KVM02"],
 *   delegation: { KVM01: { to: ["cifs/kvm02.lab.test"], protocol: "kerberos" } },
 * });
 * const tgt = await domain.client.login({ principal: domain.principal("alice"), password: testPassword });
 */
export async function createTestDomain(options: TestDomainOptions = {}): Promise<TestDomain> {
  const { clock = systemClock, log = silentLogger } = options;
  const directory = new MemoryDirectory({ ...options, clock, realm: options.realm ?? "LAB.TEST" });
  for (const group of options.groups ?? []) directory.createGroup(group);
  for (const user of options.users ?? []) {
    directory.createUser({ password: testPassword, ...(typeof user === "string" ? { name: user } : user) });
  }
  for (const computer of options.computers ?? []) {
    directory.createComputer({
      password: testPassword,
      migration: true,
      ...(typeof computer === "string" ? { name: computer } : computer),
    });
  }
  for (const [account, settings] of Object.entries(options.delegation ?? {})) {
    directory.setDelegation(account, settings);
  }
  const events: KdcEvent[] = [];
  const onEvent = (event: KdcEvent): void => {
    if (options.keepEvents !== false) events.push(event);
    options.onEvent?.(event);
  };
  const accountState = accountStateOf(directory);
  const { settings, profile } = options;
  const kdc = new Kdc({
    directory,
    clock,
    log,
    settings,
    profile,
    accountState,
    onEvent,
    random: options.random,
  });
  const passwords = new PasswordService({ kdc, passwords: passwordsOf(directory, clock), onEvent });
  const realm = kdc.realm;
  const server = options.sockets
    ? await startKdcServer({
        kdc,
        passwords,
        port: 0,
        kpasswdPort: 0,
        log,
        ...(typeof options.sockets === "object" ? options.sockets : {}),
      })
    : undefined;
  const transport = server === undefined ? memoryTransport(kdc, passwords) : socketTransport(realm, server);
  const newClient = (more: Partial<KerberosClientOptions> = {}): KerberosClient =>
    new KerberosClient({ transport, clock, random: options.random, ...more });
  return {
    realm,
    directory,
    kdc,
    passwords,
    transport,
    client: newClient(),
    clock,
    server,
    events,
    principal: (name) => parsePrincipal(name, { defaultRealm: realm }),
    newClient,
    keytab: (account) => exportKeytab(directory, account),
    close: async () => await server?.close(),
  };
}

/** Joins a client to a KDC without a socket in between. */
export function memoryTransport(kdc: Kdc, passwords?: PasswordService): KdcTransport {
  const context = { clientAddress: "memory", transport: "memory" } as const;
  return {
    exchange: async (_realm, request, { service }) =>
      service === "kpasswd" && passwords !== undefined
        ? passwords.handle(request, context)
        : kdc.handle(request, context),
  };
}

function socketTransport(realm: string, server: KdcServer): KdcTransport {
  const at = (port: number | undefined): string[] => (port === undefined ? [] : [`${server.host}:${port}`]);
  const locator = staticLocator({ [realm]: { kdc: at(server.port), kpasswd: at(server.kpasswdPort) } });
  return new NetworkTransport({ locator });
}
