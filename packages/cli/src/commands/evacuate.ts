import { errorToJson, WaybillError } from "@waybill/base";
import type { HyperVClient, VirtualMachine } from "@waybill/hyperv";
import type { Command } from "commander";
import { askCandidates } from "../evacuation/destinations.ts";
import { Evacuation, type Fate } from "../evacuation/evacuation.ts";
import { findHosts } from "../evacuation/find-hosts.ts";
import { ExitCode } from "../output/exit-code.ts";
import { style } from "../output/style.ts";
import { withHost } from "../session/connect-host.ts";
import { readWorkstation } from "../session/workstation.ts";

interface EvacuateOptions {
  readonly to?: string[];
  readonly storage?: boolean;
  readonly parallel: number;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function registerEvacuate(program: Command): void {
  program
    .command("evacuate")
    .description(
      "move every running machine you may move away from a host; run again to go on after an interruption",
    )
    .argument("<host>")
    .option("--to <host...>", "destinations; unless given, hosts that take the machines are looked for")
    .option("--storage", "disks travel too")
    .option("--parallel <n>", "moves at once; the host's own limit holds anyway", Number, 2)
    .option("--dry-run", "check everything and say where each would go; move nothing")
    .option("--json", "as JSON, one line per machine")
    .action(evacuate);
}

async function evacuate(name: string, options: EvacuateOptions): Promise<void> {
  const workstation = readWorkstation();
  const source = workstation.fullName(name);
  const say = (text: string): void => {
    if (options.json !== true) process.stderr.write(`${style.faint(text)}\n`);
  };
  const withSource = async <T>(work: (client: HyperVClient) => Promise<T>): Promise<T> =>
    await withHost(source, work);
  // Machines that are on their way already, or gone, need nothing: that makes the command resumable.
  const { status, machines, onTheirWay } = await withSource(runningMachines);
  for (const vm of onTheirWay) say(`${vm} is on its way already`);
  if (machines.length === 0) return say(`${source} has no running machine that you may see`);
  const complain = (reason: string): void => say(`the directory was not asked for hosts: ${reason}`);
  const hosts =
    options.to?.map((host) => workstation.fullName(host)) ?? (await findHosts(source, workstation, complain));
  const { candidates, passedOver } = await askCandidates(status, hosts, withHost);
  for (const { host, reason } of passedOver) say(`${host} is passed over: ${reason}`);
  if (candidates.length === 0) throw noDestination(source, hosts.length);
  let stay = 0;
  const evacuation = new Evacuation(candidates, {
    source,
    storage: options.storage === true,
    parallel: options.parallel,
    dryRun: options.dryRun === true,
    withSource,
    onTry: (vm, destination) => say(`${vm} → ${destination} …`),
    onFate: (fate) => {
      if (!fate.moved && "error" in fate) stay++;
      tell(fate, options.json === true);
    },
  });
  const release = stopOnInterrupt(evacuation);
  try {
    await evacuation.run(machines);
  } finally {
    release();
  }
  if (stay > 0) process.exitCode = ExitCode.failed;
}

async function runningMachines(client: HyperVClient): Promise<{
  readonly status: Awaited<ReturnType<HyperVClient["hostStatus"]>>;
  readonly machines: readonly VirtualMachine[];
  readonly onTheirWay: readonly string[];
}> {
  const status = await client.hostStatus();
  const running = (await client.listVms()).filter(({ state }) => state === "running");
  const staying = running.filter(({ migrating }) => !migrating);
  return {
    status,
    // A listing may leave out how large they are.
    machines: await Promise.all(
      staying.map(async (vm) => (vm.memoryMiB === undefined ? await client.getVm(vm.id) : vm)),
    ),
    onTheirWay: running.filter(({ migrating }) => migrating).map(({ name }) => name),
  };
}

function tell(fate: Fate, json: boolean): void {
  if (json) {
    const error = "error" in fate ? { error: errorToJson(fate.error) } : {};
    console.log(JSON.stringify({ ...fate, ...error }));
    return;
  }
  const { vm, destination = "" } = fate;
  if (fate.moved) console.log(style.good(`${vm} → ${destination}`));
  else if ("planned" in fate) console.log(`${vm} would go to ${destination}`);
  else {
    const { error } = fate;
    const reason = error instanceof Error ? error.message : String(error);
    const remedy = error instanceof WaybillError && error.remedy !== undefined ? ` ${error.remedy}` : "";
    console.log(`${style.bad(`${vm} stays:`)} ${reason}${remedy}`);
  }
}

/** Ctrl-C begins nothing more, asks the host to cancel what moves and waits for its word; a second one leaves it alone. */
function stopOnInterrupt(evacuation: Evacuation): () => void {
  const onInterrupt = (): void => {
    process.stderr.write("\nasking the host to cancel what moves (again to leave it to itself) …\n");
    process.once("SIGINT", () => process.exit(ExitCode.failed));
    process.exitCode = ExitCode.failed;
    evacuation.stop().catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
  };
  process.once("SIGINT", onInterrupt);
  return () => process.removeListener("SIGINT", onInterrupt);
}

function noDestination(source: string, asked: number): WaybillError {
  return new WaybillError(
    asked === 0
      ? `no host is known that machines of ${source} could go to`
      : `none of ${asked} ${asked === 1 ? "host" : "hosts"} takes machines of ${source} now`,
    {
      code: "NO_DESTINATION",
      family: "environment",
      remedy:
        "Name one with --to, or allow the host to act for people there: `waybill doctor` says what is missing.",
    },
  );
}
