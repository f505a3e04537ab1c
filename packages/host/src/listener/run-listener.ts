import type { Logger } from "@waybill/base";
import { HyperVProvider } from "@waybill/hyperv";
import { listenHttp, WsmanServer } from "@waybill/wsman";
import { readHostConfig } from "../config/host-config.ts";
import { IpcClient } from "../ipc/ipc-client.ts";
import { productVersion, serviceSocket } from "../service/run-service.ts";
import { remoteBroker, remoteHost } from "./remote-host.ts";

export interface RunningListener {
  readonly host: string;
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * The unprivileged half of a host: terminates HTTP on 5985 and parses XML. It holds no key and no ticket; what it
 * may ask of the service is the list in `ipc/calls.ts`.
 */
export async function runListener(configPath: string, logger: Logger): Promise<RunningListener> {
  const config = readHostConfig(configPath);
  const ipc = new IpcClient(serviceSocket(config));
  const server = new WsmanServer({
    provider: new HyperVProvider(remoteHost(ipc, config.host, productVersion)),
    broker: remoteBroker(ipc),
    machine: config.host,
    logger,
  });
  const http = await listenHttp({
    server,
    host: config.listen?.address ?? "0.0.0.0",
    port: config.listen?.port ?? 5985,
  });
  logger.info("listener-started", { host: config.host, address: http.host, port: http.port });
  return {
    host: http.host,
    port: http.port,
    stop: async () => {
      await http.close();
      ipc.close();
    },
  };
}
