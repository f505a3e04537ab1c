import { readFileSync } from "node:fs";
import { WaybillError } from "@waybill/base";
import { parseYaml } from "@waybill/host";
import type { VirtualMachine, VmRequest } from "@waybill/hyperv";
import { importLibvirtDomain, parseVmDefinition } from "@waybill/qemu";
import type { Command } from "commander";
import { unknown } from "valibot";
import { localConsole } from "../console/local-console.ts";
import { remoteConsole } from "../console/remote-console.ts";
import { formatTable } from "../output/table.ts";
import { connectHost, withHost } from "../session/connect-host.ts";

const documentFormat = "waybill-vm/1";

export function registerVm(program: Command): void {
  const vm = program.command("vm").description("list, show, define, start and stop virtual machines");
  vm.command("list")
    .description("the machines you may see on a host")
    .requiredOption("--host <name>", "the host")
    .option("--json", "as JSON")
    .action(async ({ host, json }: { host: string; json?: boolean }) => {
      const machines = await withHost(host, (client) => client.listVms({ planned: true }));
      if (json) console.log(JSON.stringify(machines));
      else console.log(formatTable(["name", "state", "id", "remarks"], machines.map(row)));
    });
  vm.command("show")
    .description("one machine with its settings, as JSON")
    .argument("<vm>")
    .requiredOption("--host <name>", "the host")
    .option("--json", "as everywhere; there is no other form")
    .action(async (name: string, { host }: { host: string }) => {
      console.log(JSON.stringify(await withHost(host, (client) => client.getVm(name)), undefined, 2));
    });
  vm.command("define")
    .description("define a machine from YAML, JSON or libvirt's domain XML")
    .argument("<file>")
    .requiredOption("--host <name>", "the host")
    .action(async (file: string, { host }: { host: string }) => {
      const definition = readDefinition(file);
      const document = { format: documentFormat, text: JSON.stringify(definition) };
      const { name, uuid, memoryMiB, vcpus } = definition;
      await withHost(host, (client) =>
        client.defineVm({ name, id: uuid, memoryMiB, processors: vcpus, document }),
      );
      console.log(`${name} is defined on ${host}.`);
    });
  vm.command("remove")
    .description("forget a stopped machine; its disks stay")
    .argument("<vm>")
    .requiredOption("--host <name>", "the host")
    .action(async (name: string, { host }: { host: string }) => {
      await withHost(host, async (client) => client.removeVm((await client.getVm(name)).id));
    });
  const requests: readonly [string, VmRequest, string][] = [
    ["start", "running", "start it, or let a paused one go on"],
    ["stop", "shutdown", "press its power button"],
    ["kill", "off", "pull the plug"],
    ["pause", "paused", "let it stand still"],
    ["reset", "reset", "press its reset button"],
  ];
  for (const [word, request, description] of requests) {
    vm.command(word)
      .description(description)
      .argument("<vm>")
      .requiredOption("--host <name>", "the host")
      .action(async (name: string, { host }: { host: string }) => {
        await withHost(host, async (client) => {
          const machine = await client.getVm(name);
          const job = await client.requestVmState(machine.id, request);
          await job?.wait();
        });
      });
  }
  vm.command("console")
    .description("sit at the machine's first serial port; Ctrl-] leaves")
    .argument("[vm]")
    .option("--host <name>", "the host; where the machine moves the console follows")
    .option("--take-over", "from whoever is at the console")
    .option(
      "--directory <path>",
      "instead: the machine's folder on this very host, for when its service or the domain does not answer",
    )
    .addHelpText("after", consoleHelp)
    .action(async (machine: string | undefined, options: ConsoleOptions, command: Command) => {
      const { host, takeOver = false, directory } = options;
      if (directory !== undefined && machine === undefined && host === undefined)
        return await localConsole(directory);
      if (machine === undefined || host === undefined || directory !== undefined)
        return command.error("error: give either a machine and --host, or --directory alone");
      await remoteConsole({ machine, host, takeOver, connect: connectHost });
    });
}

interface ConsoleOptions {
  readonly host?: string;
  readonly takeOver?: boolean;
  readonly directory?: string;
}

const consoleHelp = `
It takes the right "console" for the machine. Everything goes through the host's
listener, sealed, as you. One person at a time is at a console; the host's audit
trail says who was, and when. What is piped in is typed, and the console is left
two seconds after the machine's last word:
  (echo uptime; sleep 5) | waybill vm console web01 --host kvm01`;

function row({ name, state, id, statusDescriptions, planned }: VirtualMachine): string[] {
  return [name, planned === true ? "incoming" : state, id, (statusDescriptions ?? []).join("; ")];
}

function readDefinition(file: string): ReturnType<typeof parseVmDefinition> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new WaybillError(`cannot read ${file}`, { code: "FILE_UNREADABLE", family: "caller", cause });
  }
  if (text.trimStart().startsWith("<")) return importLibvirtDomain(text).definition;
  const document = parseYaml(unknown(), text, (problem, cause) => {
    const message = `${file} does not define a machine: ${problem}`;
    return new WaybillError(message, { code: "VM_DEFINITION_INVALID", family: "caller", cause });
  });
  return parseVmDefinition(document);
}
