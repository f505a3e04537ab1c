import { WaybillError, withDeadline } from "@waybill/base";
import type { Account, DirectoryView } from "@waybill/directory";
import { inParallel } from "../in-parallel.ts";
import { fullNameOf } from "../model/service-names.ts";
import type { HostAddress, HostReading, HostSession } from "./host-reading.ts";
import { probePort } from "./probe-port.ts";

export interface SurveyHostsRequest {
  readonly view: DirectoryView;
  readonly hosts: readonly Account[];
  /** Where a host's management service is; its full name and port 5985 unless told. */
  readonly address?: ((name: string) => HostAddress) | undefined;
  /** A connection as whoever asks; it may be made when it is first used. */
  readonly connect: (name: string) => HostSession | Promise<HostSession>;
  /** Where migrations arrive; 6600 unless told. */
  readonly migrationPort?: number | undefined;
  /** Milliseconds for one host, whatever it does; 15 s unless told. */
  readonly timeout?: number | undefined;
  /** Hosts asked at once; 16 unless told. */
  readonly atOnce?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const portPatience = 3000;

/**
 * Asks every host for its own settings, over WinRM with the ticket of whoever asks, and tries its ports. A host that is
 * dead, silent or talks nonsense costs its own time and no more, and is reported as it is.
 */
export async function surveyHosts(request: SurveyHostsRequest): Promise<HostReading[]> {
  return await inParallel(request.hosts, request.atOnce ?? 16, async (host) => await readHost(request, host));
}

async function readHost(request: SurveyHostsRequest, account: Account): Promise<HostReading> {
  const { view, migrationPort = 6600, timeout = 15_000, signal } = request;
  const name = fullNameOf(account, view.domain).toLowerCase();
  const management = request.address?.(name) ?? { address: name, port: 5985 };
  const migration = { address: management.address, port: migrationPort };
  const patience = { timeout: Math.min(portPatience, timeout), signal };
  const [listenerClosed, migrationClosed, said] = await Promise.all([
    probePort(management, patience),
    probePort(migration, patience),
    ask(request, name, timeout),
  ]);
  return { account, name, management, migration, listenerClosed, migrationClosed, ...said };
}

async function ask(
  { connect, signal }: SurveyHostsRequest,
  name: string,
  timeout: number,
): Promise<Partial<HostReading>> {
  try {
    return await withDeadline({ what: `asking ${name}`, timeout, signal }, async (stop) => {
      const session = await connect(name);
      try {
        const options = { signal: stop };
        const settings = await session.migrationSettings(options);
        const networks = await session.migrationNetworks(options);
        const own = await session.isWaybill(options);
        const status = own ? await session.hostStatus(options) : undefined;
        return { kind: own ? "waybill" : "hyper-v", settings, networks, status };
      } finally {
        session.close();
      }
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    const { code, remedy } =
      error instanceof WaybillError ? error : { code: "UNEXPECTED", remedy: undefined };
    return { failure: { message: error instanceof Error ? error.message : String(error), code, remedy } };
  }
}
