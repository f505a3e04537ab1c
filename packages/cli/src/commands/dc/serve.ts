import type { Logger } from "@waybill/base";
import { defaultRequestRate, serveController } from "@waybill/kdc";
import { type Command, InvalidArgumentError } from "commander";
import { examples } from "./examples.ts";
import { type StateOptions, withState } from "./state.ts";

interface ServeOptions extends StateOptions {
  readonly listen: string;
  readonly workers: number;
  readonly kdcPort: number;
  readonly kpasswdPort: number;
  readonly ldapPort: number;
  readonly ldapsPort: number;
  readonly kkdcpPort?: number;
  readonly metricsPort?: number;
  readonly maxRequests: number;
  readonly maxConnections: number;
  readonly verbose?: boolean;
}

export function registerServe(dc: Command): void {
  withState(dc.command("serve"))
    .description("run the domain controller until it is told to stop (SIGTERM or Ctrl-C)")
    .option("--listen <address>", "address to listen on", "127.0.0.1")
    .option("--workers <n>", "processes that answer KDC requests", parseCount, 1)
    .option("--kdc-port <n>", "UDP and TCP", parsePort, 88)
    .option("--kpasswd-port <n>", "UDP and TCP", parsePort, 464)
    .option("--ldap-port <n>", "LDAP and StartTLS", parsePort, 389)
    .option("--ldaps-port <n>", "LDAP over TLS", parsePort, 636)
    .option("--kkdcp-port <n>", "Kerberos over HTTPS; off unless given", parsePort)
    .option("--metrics-port <n>", "Prometheus metrics; off unless given", parsePort)
    .option(
      "--max-requests <n>",
      "requests a second of one client address, in bursts of three seconds' worth; 0: no limit; this machine has none",
      parseBetween(0),
      defaultRequestRate.perSecond,
    )
    .option("--max-connections <n>", "connections of one client address", parseBetween(1), 500)
    .option("-v, --verbose", "log every step")
    .addHelpText(
      "after",
      examples("serve --listen 10.0.0.5 --workers 2", "serve --kdc-port 8888 --metrics-port 9464"),
    )
    .action(async (options: ServeOptions) => await serve(options));
}

async function serve(options: ServeOptions): Promise<void> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once("SIGTERM", onSignal);
  process.once("SIGINT", onSignal);
  const log = lineLogger(options.verbose === true);
  await serveController({
    state: options.state,
    host: options.listen,
    workers: options.workers,
    ports: {
      kdc: options.kdcPort,
      kpasswd: options.kpasswdPort,
      ldap: options.ldapPort,
      ldaps: options.ldapsPort,
      kkdcp: options.kkdcpPort,
      metrics: options.metricsPort,
    },
    requestRate:
      options.maxRequests === 0 ? false : { perSecond: options.maxRequests, burst: options.maxRequests * 3 },
    maxConnectionsPerAddress: options.maxConnections,
    log,
    signal: stop.signal,
    onReady: (controller) => {
      const { realm } = controller.kdc;
      log.info("dc.ready", { realm, listen: options.listen, name: controller.dnsHostName });
      process.send?.("ready");
    },
  });
}

/** One JSON object per line on standard error. */
function lineLogger(verbose: boolean): Logger {
  const at =
    (level: string): Logger["info"] =>
    (event, facts) => {
      process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), level, event, ...facts })}\n`);
    };
  return {
    debug: verbose ? at("debug") : (): void => {},
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
  };
}

export function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new InvalidArgumentError("a port is 0 to 65535");
  return port;
}

function parseBetween(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > 1_000_000)
      throw new InvalidArgumentError(`${least} to 1000000`);
    return value;
  };
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 256)
    throw new InvalidArgumentError("1 to 256 workers");
  return count;
}
