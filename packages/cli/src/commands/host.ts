import { spawn } from "node:child_process";
import { createHostLogger, listenerUser, readHostConfig, runListener, runService } from "@waybill/host";
import { type Command, Option } from "commander";
import { formatBytes, formatTable } from "../output/table.ts";
import { withHost } from "../session/connect-host.ts";
import { readWorkstation } from "../session/workstation.ts";
import { registerHostSetup } from "./host-setup.ts";

const defaultConfig = "/etc/waybill/host.yaml";

export function registerHost(program: Command): void {
  const host = program.command("host").description("run, set up, check and configure a host");
  host
    .command("run")
    .description("run both halves of a host: the service, and its listener as a process of its own")
    .option("--config <file>", "the host's configuration", defaultConfig)
    .addOption(
      new Option("--clock-offset <ms>", "judge tickets by a wrong clock: for laboratories")
        .argParser(Number)
        .hideHelp(),
    )
    .action(
      async ({ config, clockOffset }: { config: string; clockOffset?: number }) =>
        await runBoth(config, clockOffset ?? 0),
    );
  host
    .command("service")
    .description("run the privileged half: keytab, tickets, virtual machines, migrations")
    .option("--config <file>", "the host's configuration", defaultConfig)
    .action(async ({ config }: { config: string }) => {
      const service = await runService(config, createHostLogger());
      await untilStopped();
      await service.stop();
    });
  host
    .command("listener")
    .description("run the unprivileged half: HTTP on port 5985")
    .option("--config <file>", "the host's configuration", defaultConfig)
    .addOption(new Option("--end-with-input", "stop when standard input ends").hideHelp())
    .action(async ({ config, endWithInput }: { config: string; endWithInput?: boolean }) => {
      const listener = await runListener(config, createHostLogger());
      await untilStopped(endWithInput === true ? process.stdin : undefined);
      await listener.stop();
    });
  host
    .command("settings")
    .description("show or change a host's live-migration settings")
    .argument("<host>")
    .option("--enable-migration", "take part in live migrations")
    .option("--disable-migration", "take no part")
    .option("--maximum-migrations <n>", "how many at once", Number)
    .option("--maximum-storage-migrations <n>", "how many with disks at once", Number)
    .option("--performance <option>", "tcpip, compression or multifd")
    .option("--json", "as JSON")
    .action(showSettings);
  host
    .command("status")
    .description("what a host says of itself and of you")
    .argument("<host>")
    .option("--json", "as JSON")
    .action(async (name: string, { json }: { json?: boolean }) => {
      const status = await withHost(name, (client) => client.hostStatus());
      if (json) console.log(JSON.stringify(status));
      else
        console.log(
          formatTable(
            ["what", "value"],
            Object.entries(status)
              .filter(([, value]) => value !== undefined)
              .map(([key, value]) => [key, statusText(key, value)]),
          ),
        );
    });
  registerHostSetup(host, defaultConfig);
}

function statusText(key: string, value: unknown): string {
  if (typeof value === "number" && key.startsWith("memory")) return formatBytes(value);
  if (typeof value === "number" && key === "time") return new Date(value).toISOString();
  return Array.isArray(value) ? value.join(", ") : String(value);
}

interface SettingsOptions {
  readonly enableMigration?: boolean;
  readonly disableMigration?: boolean;
  readonly maximumMigrations?: number;
  readonly maximumStorageMigrations?: number;
  readonly performance?: "tcpip" | "compression" | "multifd";
  readonly json?: boolean;
}

async function showSettings(name: string, options: SettingsOptions): Promise<void> {
  const {
    enableMigration,
    disableMigration,
    maximumMigrations,
    maximumStorageMigrations,
    performance,
    json,
  } = options;
  const settings = await withHost(readWorkstation().fullName(name), async (client) => {
    const patch = {
      ...(enableMigration || disableMigration ? { enabled: enableMigration === true } : {}),
      ...(maximumMigrations === undefined ? {} : { maximumMigrations }),
      ...(maximumStorageMigrations === undefined ? {} : { maximumStorageMigrations }),
      ...(performance === undefined ? {} : { performance }),
    };
    if (Object.keys(patch).length > 0) await client.modifyMigrationSettings(patch);
    return await client.migrationSettings();
  });
  if (json) console.log(JSON.stringify(settings));
  else
    console.log(
      formatTable(
        ["setting", "value"],
        Object.entries(settings).map(([key, value]) => [key, String(value)]),
      ),
    );
}

/** The listener is another process, so that whoever breaks it finds no key in its memory. */
async function runBoth(config: string, clockOffset: number): Promise<void> {
  const logger = createHostLogger();
  const service = await runService(config, logger, { now: () => Date.now() + clockOffset });
  const user = listenerUser(readHostConfig(config));
  const stopping = new AbortController();
  const { signal } = stopping;
  const start = (): void => {
    if (signal.aborted) return;
    // Its standard input ends with this process, however that ends, and so does the listener.
    const child = spawn(
      process.execPath,
      [
        ...process.execArgv,
        process.argv[1] ?? "",
        "host",
        "listener",
        "--config",
        config,
        "--end-with-input",
      ],
      { stdio: ["pipe", "inherit", "inherit"], ...user },
    );
    const end = (): void => void child.kill("SIGTERM");
    signal.addEventListener("abort", end);
    child.on("exit", (code) => {
      signal.removeEventListener("abort", end);
      if (signal.aborted) return;
      logger.warn("listener-ended", { code });
      setTimeout(start, 1000);
    });
  };
  start();
  await untilStopped();
  stopping.abort();
  await service.stop();
}

/** Resolves when the process is asked to end, or when its input does, if that is given. */
export async function untilStopped(input?: NodeJS.ReadStream): Promise<void> {
  await new Promise<void>((resolve) => {
    process.once("SIGTERM", () => resolve());
    process.once("SIGINT", () => resolve());
    input?.once("close", () => resolve());
    input?.resume();
  });
}
