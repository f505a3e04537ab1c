import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { WaybillError } from "@waybill/base";
import { parseYaml } from "@waybill/host";
import type { VirtualMachine, VmRequest } from "@waybill/hyperv";
import { importLibvirtDomain, parseVmDefinition } from "@waybill/qemu";
import type { Command } from "commander";
import { unknown } from "valibot";
import { formatTable } from "../output/table.ts";
import { withHost } from "../session/connect-host.ts";

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
    .description("the machine's first serial port; only on the host itself, as the user QEMU runs as")
    .requiredOption("--directory <path>", "the machine's folder below the host's run folder")
    .action(async ({ directory }: { directory: string }) => await attachConsole(directory));
}

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

const leaveKey = 0x1d;

export async function attachConsole(directory: string): Promise<void> {
  // The machine's control socket belongs to the host's service, which holds it.
  const socket = createConnection(join(directory, "run", "console.sock"));
  try {
    await once(socket, "connect");
  } catch (cause) {
    throw new WaybillError(`no machine's console is in ${directory}`, {
      code: "CONSOLE_UNREACHABLE",
      family: "caller",
      remedy: "Name the folder of a running machine, as the user QEMU runs as: <run>/vm/<machine>.",
      cause,
    });
  }
  process.stderr.write("Connected; Ctrl-] leaves.\r\n");
  if (process.stdin.isTTY) process.stdin.setRawMode(true);
  socket.pipe(process.stdout);
  process.stdin.on("data", (chunk: Buffer) => {
    if (chunk.includes(leaveKey)) socket.end();
    else socket.write(chunk);
  });
  // Typed by a program: what it asked for takes a moment to be answered.
  process.stdin.on("end", () => setTimeout(() => socket.end(), 1000));
  await new Promise<void>((resolve) => {
    socket.on("close", () => resolve());
    socket.on("error", () => resolve());
  });
  if (process.stdin.isTTY) process.stdin.setRawMode(false);
  process.stdin.pause();
}
