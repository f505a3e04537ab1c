import type { HostCaller, HyperVHost } from "@waybill/hyperv";
import type { NegotiateBroker } from "@waybill/wsman";
import type { IpcClient } from "../ipc/ipc-client.ts";
import { operations } from "../service/operate.ts";

const callTime = 60_000;

/** The service behind the local socket, as the listener sees it: a host that does what it is asked. */
export function remoteHost(ipc: IpcClient, hostName: string, productVersion: string): HyperVHost {
  const host: Record<string, unknown> = { hostName, productVersion };
  for (const operation of operations) {
    host[operation] = async ({ session, signal }: HostCaller, ...args: readonly unknown[]) =>
      await ipc.call("operate", { session, operation, args }, { timeout: callTime, signal });
  }
  return host as unknown as HyperVHost;
}

interface Accepted {
  readonly token?: Uint8Array | undefined;
  readonly established: boolean;
  readonly session?: string | undefined;
}

/** Authentication and sealing, done by the service. */
export function remoteBroker(ipc: IpcClient): NegotiateBroker {
  const options = { timeout: callTime };
  return {
    accept: async (connection, token, channel) =>
      (await ipc.call("accept", { connection, token, channel }, options)) as Accepted,
    unseal: async (connection, header, payload) =>
      (await ipc.call("unseal", { connection, header, payload }, options)) as Uint8Array,
    seal: async (connection, plain) =>
      (await ipc.call("seal", { connection, plain }, options)) as { header: Uint8Array; payload: Uint8Array },
    close: async (connection) => {
      await ipc.call("close", { connection }, options).catch(() => {});
    },
  };
}
