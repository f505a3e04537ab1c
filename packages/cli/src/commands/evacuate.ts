import { errorToJson, WaybillError } from "@waybill/base";
import type { Command } from "commander";
import { ExitCode } from "../output/exit-code.ts";
import { style } from "../output/style.ts";
import { withHost } from "../session/connect-host.ts";
import { readWorkstation } from "../session/workstation.ts";

interface EvacuateOptions {
  readonly to: string[];
  readonly storage?: boolean;
  readonly parallel: number;
  readonly json?: boolean;
}

export function registerEvacuate(program: Command): void {
  program
    .command("evacuate")
    .description(
      "move every running machine you may move away from a host; run again to go on after an interruption",
    )
    .argument("<host>")
    .requiredOption("--to <host...>", "destinations, used in turn")
    .option("--storage", "disks travel too")
    .option("--parallel <n>", "moves at once; the host's own limit holds anyway", Number, 2)
    .option("--json", "as JSON, one line per machine")
    .action(evacuate);
}

async function evacuate(host: string, options: EvacuateOptions): Promise<void> {
  const workstation = readWorkstation();
  const machines = await withHost(host, (client) => client.listVms());
  // Machines that are on their way already, or gone, need nothing: that makes the command resumable.
  const waiting = machines.filter(({ state, migrating }) => state === "running" && !migrating);
  const destinations = options.to.map((name) => workstation.fullName(name));
  let failures = 0;
  let next = 0;
  const worker = async (): Promise<void> => {
    for (;;) {
      const index = next++;
      const machine = waiting[index];
      if (machine === undefined) return;
      const destination = destinations[index % destinations.length] ?? "";
      try {
        await withHost(host, async (client) => {
          const job = await client.migrate({
            vmId: machine.id,
            destinationHost: destination,
            type: options.storage === true ? "vmAndStorage" : "vm",
          });
          await job.wait();
        });
        tell(
          options,
          { vm: machine.name, destination, moved: true },
          style.good(`${machine.name} → ${destination}`),
        );
      } catch (error) {
        failures++;
        const reason = error instanceof WaybillError ? error.message : String(error);
        tell(
          options,
          { vm: machine.name, destination, moved: false, error: errorToJson(error) },
          style.bad(`${machine.name} stays: ${reason}`),
        );
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, options.parallel) }, worker));
  if (failures > 0) process.exitCode = ExitCode.failed;
}

function tell(options: EvacuateOptions, json: unknown, text: string): void {
  console.log(options.json === true ? JSON.stringify(json) : text);
}
