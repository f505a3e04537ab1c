import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Clock, type Logger, systemClock } from "@waybill/base";
import { FileReplayCache, parsePrincipal } from "@waybill/kerberos";
import { probeQemu } from "@waybill/qemu";
import { AuditLog } from "../audit/audit-log.ts";
import { Outcomes } from "../audit/outcomes.ts";
import { AccountNames } from "../authorization/account-names.ts";
import { Authorizer, directoryNamesOf } from "../authorization/authorizer.ts";
import { directoryNames } from "../authorization/directory-names.ts";
import {
  defaultStallTimeout,
  type EvidenceMode,
  type HostConfig,
  readHostConfig,
} from "../config/host-config.ts";
import { ConsoleSessions } from "../console/console-sessions.ts";
import { DelegationBroker } from "../evidence/delegation-broker.ts";
import { HostIdentity } from "../evidence/host-identity.ts";
import { IpcServer } from "../ipc/ipc-server.ts";
import { Journal } from "../journal/journal.ts";
import { Arrivals } from "../migration/arrivals.ts";
import { Connector } from "../migration/connector.ts";
import { dataAddress } from "../migration/data-address.ts";
import type { IncomingParts } from "../migration/incoming.ts";
import { migrationPort, migrationServiceClass } from "../migration/messages.ts";
import { MigrationServer } from "../migration/migration-server.ts";
import { Resolver } from "../migration/resolver.ts";
import type { StepObserver } from "../migration/steps.ts";
import { hostService } from "./host-service.ts";
import { isOver, JobStore } from "./jobs.ts";
import { hostKerberosClient, keytabReader } from "./kerberos-setup.ts";
import { HostMetrics, listenMetrics } from "./metrics.ts";
import { Mover } from "./mover.ts";
import { type OsUser, osUser } from "./os-user.ts";
import { sessionEnded } from "./refusals.ts";
import { ServiceIpc } from "./service-ipc.ts";
import { type Session, SessionBroker } from "./session-broker.ts";
import { SettingsStore } from "./settings.ts";
import { Slots } from "./slots.ts";
import { Supervisor } from "./supervisor.ts";
import { sweep } from "./sweep.ts";
import { takeUpMigrations } from "./take-up-migrations.ts";
import { VmManager } from "./vm-manager.ts";

export const productVersion = "Waybill 0.1.0";

export interface RunningService {
  readonly migrationPort: number;
  /** Where the listener connects. */
  readonly socket: string;
  stop(): Promise<void>;
}

/** Where a host keeps its local socket and its VMs' sockets. */
export function runDirectory(config: HostConfig): string {
  return config.run ?? join(config.state, "run");
}

export function serviceSocket(config: HostConfig): string {
  return join(runDirectory(config), "service.sock");
}

/**
 * The privileged half of a host: keytab, tickets, VMs, migrations. Everything it knows is in its journal, so it may
 * be stopped or killed at any time; VMs run on, and unfinished migrations are taken up by the next start.
 *
 * @param clock the time tickets are judged by; a laboratory may have a wrong one.
 * @param configPath read again for the evidence mode at each move, so that it can be changed while VMs run.
 * @param onStep sees every step of every migration, and can make it fail.
 */
export async function runService(
  configPath: string,
  logger: Logger,
  clock: Clock = systemClock,
  onStep?: StepObserver,
): Promise<RunningService> {
  const config = readHostConfig(configPath);
  const run = runDirectory(config);
  mkdirSync(config.state, { recursive: true, mode: 0o700 });
  mkdirSync(run, { recursive: true, mode: 0o711 });
  const evidence = (): EvidenceMode => readHostConfig(configPath).evidence;

  const journal = Journal.open(config.state);
  const audit = new AuditLog(config.state, config.host);
  const outcomes = new Outcomes({ host: config.host, journal, audit, logger });
  const keytab = keytabReader(config.keytab);
  const replayCache = new FileReplayCache({ directory: join(config.state, "replay") });
  const client = hostKerberosClient(config["krb5-conf"], config.realm, logger);
  const identity = new HostIdentity(config.host, config.realm, client, keytab);
  const policy = {
    rules: config.access,
    groups: config.groups,
    requireProofOfIdentity: config["require-proof-of-identity"],
    delegatingHosts: config["delegating-hosts"],
    acceptDirect: config["accept-direct"],
  };
  const names = new AccountNames({
    names: directoryNamesOf(policy),
    directory: config.state,
    realm: config.realm,
    logger,
    lookup: directoryNames({
      realm: config.realm,
      controller: config.directory,
      getTicket: async (server, signal) =>
        await client.getTicket({ tgt: await identity.ticketGrantingTicket(signal), server }, { signal }),
    }),
  });
  const authorizer = new Authorizer(config.host, policy, (name) => names.sid(name));
  const vms = new VmManager(journal, await vmOptions(config, run), logger);
  const settings = new SettingsStore(journal);
  const slots = new Slots(2);
  const storageSlots = new Slots(2);
  const incomingSlots = new Slots(2);
  const incomingStorageSlots = new Slots(2);
  settings.onChange(({ maximumMigrations, maximumStorageMigrations }) => {
    slots.limit = maximumMigrations;
    incomingSlots.limit = maximumMigrations;
    storageSlots.limit = maximumStorageMigrations;
    incomingStorageSlots.limit = maximumStorageMigrations;
  });
  const jobs = new JobStore();
  const connector = new Connector(config.peers);
  const address = config.migration?.address ?? "0.0.0.0";
  const incoming: IncomingParts = {
    host: config.host,
    journal,
    vms,
    authorizer,
    audit,
    outcomes,
    logger,
    slots: incomingSlots,
    storageSlots: incomingStorageSlots,
    arrivals: new Arrivals(),
    dataAddress: (reached) => config.migration?.data ?? dataAddress(settings.current.networks, reached),
    stallTimeout: (config.migration?.["stall-timeout"] ?? defaultStallTimeout) * 1000,
    enabled: () => settings.current.migrationEnabled,
    onStep,
  };
  const resolver = new Resolver({
    host: config.host,
    journal,
    vms,
    logger,
    onStep,
    connect: async (host, signal) => {
      const tgt = await identity.ticketGrantingTicket(signal);
      const server = parsePrincipal(`${migrationServiceClass}/${host}@${config.realm}`);
      const credential = await client.getTicket({ tgt, server }, { signal });
      return (await connector.open(host, credential, signal)).channel;
    },
    note: (id, note) => journal.remark(id, note),
  });
  const broker = new DelegationBroker(client, identity, evidence, logger);
  const mover = new Mover({
    host: config.host,
    journal,
    vms,
    authorizer,
    broker,
    connector,
    resolver,
    jobs,
    audit,
    outcomes,
    slots,
    storageSlots,
    logger,
    onStep,
  });
  const consoles = new ConsoleSessions();
  const sessions = new Map<string, Session>();
  const host = hostService({
    host: config.host,
    realm: config.realm,
    version: productVersion,
    journal,
    vms,
    authorizer,
    mover,
    jobs,
    settings,
    audit,
    consoles,
    logger,
    evidence,
    requireProofOfIdentity: config["require-proof-of-identity"],
    listenerAddresses: [address],
    session: ({ session }) => {
      const found = sessions.get(session);
      if (found === undefined) throw sessionEnded();
      return found;
    },
  });
  const supervisor = new Supervisor({
    journal,
    vms,
    incoming,
    logger,
    restartCrashed: config["restart-crashed"],
    busy: (vm) =>
      jobs.all().some((job) => job.kind === "move" && job.vm.id === vm && !isOver(job.state)) ||
      incoming.arrivals.serves(vm),
    moving: (migration) => {
      const job = jobs.get(migration);
      return job !== undefined && !isOver(job.state);
    },
  });
  const server = new MigrationServer({ ...incoming, keytab, replayCache, clock });
  await sweep({ journal, vms, logger });
  const metrics = new HostMetrics({ journal, jobs, slots, incomingSlots });
  await resolver.recover();
  takeUpMigrations({ journal, jobs, resolver, outcomes });
  await supervisor.start();
  await names.start();
  const port = await server.listen(address, config.migration?.port ?? migrationPort);
  const bound = config.listen?.tls?.["channel-bindings"] === "required";
  const sessionBroker = new SessionBroker(keytab, replayCache, logger, clock, bound);
  const ipc = new IpcServer(
    new ServiceIpc(sessionBroker, host, (session) => remember(sessions, session)),
    logger,
  );
  const socket = serviceSocket(config);
  await ipc.listen(socket, listenerUser(config));
  const closeMetrics =
    config.metrics === undefined ? undefined : await listenMetrics(metrics, config.metrics);
  logger.info("service-started", {
    host: config.host,
    migrationPort: port,
    accelerator: vms.options.accelerator,
  });
  return {
    migrationPort: port,
    socket,
    stop: async () => {
      names.stop();
      resolver.stop();
      await closeMetrics?.();
      consoles.stop();
      await ipc.close();
      await server.close();
      await supervisor.stop();
      await vms.detachAll();
      await journal.close();
    },
  };
}

/** The user the listener is to run as, if the configuration names one. @throws HostError as `osUser` */
export function listenerUser(config: HostConfig): OsUser | undefined {
  const name = config["listener-user"];
  return name === undefined ? undefined : osUser(name, "listener-user");
}

async function vmOptions(
  config: HostConfig,
  run: string,
): Promise<ConstructorParameters<typeof VmManager>[1]> {
  const accelerator = config.accelerator === "auto" ? (await probeQemu()).accelerator : config.accelerator;
  return {
    run,
    storage: config.storage,
    networks: config.networks,
    accelerator,
    program: config["qemu-binary"],
    runAs: config["run-as"] === undefined ? undefined : osUser(config["run-as"], "run-as"),
  };
}

const maxSessions = 4096;

/** Sessions that a running job still needs outlive their connection; the oldest make room. */
function remember(sessions: Map<string, Session>, session: Session): void {
  sessions.delete(session.id);
  sessions.set(session.id, session);
  if (sessions.size <= maxSessions) return;
  const [oldest] = sessions.keys();
  if (oldest !== undefined) sessions.delete(oldest);
}
