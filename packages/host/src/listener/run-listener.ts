import { readFileSync } from "node:fs";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import type { Logger } from "@waybill/base";
import { HyperVProvider } from "@waybill/hyperv";
import { type HttpListener, listenHttp, WsmanServer } from "@waybill/wsman";
import { type HostConfig, readHostConfig } from "../config/host-config.ts";
import { HostError } from "../errors.ts";
import { IpcClient } from "../ipc/ipc-client.ts";
import { productVersion, serviceSocket } from "../service/run-service.ts";
import { remoteBroker, remoteHost } from "./remote-host.ts";

export interface RunningListener {
  readonly host: string;
  readonly port: number;
  /** With a certificate, the port that speaks TLS. */
  readonly tlsPort?: number | undefined;
  stop(): Promise<void>;
}

type TlsConfig = NonNullable<NonNullable<HostConfig["listen"]>["tls"]>;

/**
 * The unprivileged half of a host: terminates HTTP on 5985, with a certificate HTTPS on 5986, and parses XML. It
 * holds no Kerberos key and no ticket; what it may ask of the service is the list in `ipc/calls.ts`.
 *
 * @throws HostError `CERTIFICATE_UNUSABLE`
 */
export async function runListener(configPath: string, logger: Logger): Promise<RunningListener> {
  const config = readHostConfig(configPath);
  const { address: host = "0.0.0.0", port = 5985, tls } = config.listen ?? {};
  const secure = tls === undefined ? undefined : { tls: readCertificate(tls), port: tls.port };
  const ipc = new IpcClient(serviceSocket(config));
  const server = new WsmanServer({
    provider: new HyperVProvider(remoteHost(ipc, config.host, productVersion)),
    broker: remoteBroker(ipc),
    machine: config.host,
    logger,
  });
  const listeners: HttpListener[] = [];
  const stop = async (): Promise<void> => {
    for (const listener of listeners) await listener.close();
    ipc.close();
  };
  try {
    listeners.push(await listenHttp({ server, host, port }));
    if (secure !== undefined) listeners.push(await listenHttp({ server, host, ...secure }));
  } catch (error) {
    await stop();
    throw error;
  }
  const [plain, encrypted] = listeners;
  const bound = { address: plain?.host ?? host, port: plain?.port ?? port, tlsPort: encrypted?.port };
  logger.info("listener-started", { host: config.host, ...bound });
  return { host: bound.address, port: bound.port, tlsPort: bound.tlsPort, stop };
}

function readCertificate({ certificate, key }: TlsConfig): SecureContextOptions {
  try {
    const options = { cert: readFileSync(certificate), key: readFileSync(key) };
    // Refused here, where it can be said which files are meant, and not at the first handshake.
    createSecureContext(options);
    return options;
  } catch (cause) {
    throw new HostError(`the certificate ${certificate} with the key ${key} cannot be used`, {
      code: "CERTIFICATE_UNUSABLE",
      family: "environment",
      facts: { certificate, key },
      remedy:
        "Give PEM files that belong together and that the listener's user can read, or take tls out of listen.",
      cause,
    });
  }
}
