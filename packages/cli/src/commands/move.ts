import { WaybillError } from "@waybill/base";
import type { HyperVClient, JobProgress, MigrationRequest } from "@waybill/hyperv";
import { type Command, Option } from "commander";
import { ExitCode } from "../output/exit-code.ts";
import { LiveLine } from "../output/live-line.ts";
import { formatProgress } from "../output/progress.ts";
import { reportError } from "../output/report-error.ts";
import { errorStyle, style } from "../output/style.ts";
import { formatBytes, formatDuration } from "../output/table.ts";
import { wrapForTerminal } from "../output/wrap-text.ts";
import { withHost } from "../session/connect-host.ts";
import { readWorkstation } from "../session/workstation.ts";

export interface MoveOptions {
  readonly from: string;
  readonly to: string;
  readonly storage?: boolean;
  readonly dryRun?: boolean;
  readonly performance?: "tcpip" | "compression" | "multifd";
  readonly downtimeLimit?: number;
  readonly bandwidth?: number;
  readonly postCopy?: boolean;
  readonly forward?: boolean;
  readonly explain?: boolean;
  readonly json?: boolean;
}

export function registerMove(program: Command): void {
  program
    .command("move")
    .description("move a running virtual machine to another host, as yourself")
    .argument("<vm>", "name or id")
    .requiredOption("--from <host>", "where it runs")
    .requiredOption("--to <host>", "where it shall run")
    .option("--storage", "its disks travel too")
    .option("--dry-run", "check everything, move nothing")
    .addOption(
      new Option("--performance <option>", "how memory travels (the host's setting unless given)").choices([
        "tcpip",
        "compression",
        "multifd",
      ]),
    )
    .option("--downtime-limit <ms>", "how long it may stand still", Number)
    .option("--bandwidth <bytes>", "bytes per second at most", Number)
    .option("--post-copy", "let it run over there before all of its memory has arrived, if need be")
    .option("--forward", "hand your ticket-granting ticket to the source, as if you signed in there")
    .option("--explain", "show every step of the authentication")
    .option("--json", "as JSON")
    .addHelpText("after", examples)
    .action(async (vm: string, options: MoveOptions) => {
      await move(vm, options);
    });
}

const examples = `
Examples:
  waybill move web01 --from kvm01 --to kvm02 --explain
  waybill move web01 --from kvm01 --to kvm02 --dry-run
  waybill move db01 --from kvm01 --to kvm02 --storage --bandwidth 50000000`;

/** Asks the source host to move the machine, and follows the job to its end; asks the doctor why, if it is refused. */
export async function move(vmName: string, options: MoveOptions): Promise<void> {
  const steps: string[] = [];
  try {
    await attempt(vmName, options, steps);
  } catch (error) {
    const refused = error instanceof WaybillError && error.code === "NO_SUITABLE_CREDENTIALS";
    if (!refused || options.json === true) throw error;
    process.exitCode = await reportError(error, false);
    const { from, to, forward } = options;
    const { askDoctor } = await import("../session/ask-doctor.ts");
    const word = await askDoctor({
      from,
      to,
      start: forward === true ? "at-source" : "remote",
      evidence: steps.some((step) => step.startsWith("S4U2Self")) ? "s4u2self" : "ticket",
    });
    if (word === undefined) return;
    const text = `${errorStyle.strong("The doctor says:")} ${word}`;
    process.stderr.write(`${wrapForTerminal(text, process.stderr)}\n`);
  }
}

/** @param steps filled with what the host tells of its authentication. */
async function attempt(vmName: string, options: MoveOptions, steps: string[]): Promise<void> {
  const workstation = readWorkstation();
  const destination = workstation.fullName(options.to);
  const forward = { forward: options.forward };
  await withHost(
    options.from,
    async (client) => {
      const vm = await client.findVm(vmName);
      const request = migrationRequest(vm.id, destination, options);
      if (options.dryRun === true) return await check(client, vm.name, request, options);
      const job = await client.migrate(request);
      const release = cancelOnInterrupt(async () => await job.cancel());
      let last: JobProgress | undefined;
      try {
        const bar = progressBar(options.json !== true);
        for await (const progress of job.progress({ interval: 100 })) {
          last = progress;
          steps.splice(0, steps.length, ...(progress.migration?.explanation ?? []));
          bar(progress);
        }
        bar(undefined);
        if (options.explain === true && options.json !== true) explain(last);
        const finished = await job.wait();
        report(vm.name, options, finished.elapsed ?? 0, finished.owner ?? "", last);
      } finally {
        release();
      }
    },
    forward,
  );
}

function migrationRequest(vmId: string, destinationHost: string, options: MoveOptions): MigrationRequest {
  const { performance, downtimeLimit, bandwidth, postCopy, explain: explained } = options;
  const own = {
    ...(performance === undefined ? {} : { performance }),
    ...(downtimeLimit === undefined ? {} : { downtimeLimit }),
    ...(bandwidth === undefined ? {} : { bandwidthLimit: bandwidth }),
    ...(postCopy === undefined ? {} : { postCopy }),
    ...(explained === undefined ? {} : { explain: explained }),
  };
  return {
    vmId,
    destinationHost,
    type: options.storage === true ? "vmAndStorage" : "vm",
    ...(Object.keys(own).length === 0 ? {} : { options: own }),
  };
}

async function check(
  client: HyperVClient,
  vm: string,
  request: MigrationRequest,
  options: MoveOptions,
): Promise<void> {
  const answer = await client.checkMigratable(request);
  if (options.json === true) console.log(JSON.stringify(answer));
  else {
    for (const { severity, check: name, message } of answer.findings) {
      console.log(`${severity === "ok" ? style.good("ok    ") : style.bad("failed")} ${name}: ${message}`);
    }
    for (const error of answer.errors)
      for (const remedy of error.remedies) console.log(`${style.strong("What to do:")} ${remedy}`);
    console.log(answer.migratable ? style.good(`${vm} can be moved.`) : style.bad(`${vm} cannot be moved.`));
  }
  if (!answer.migratable) process.exitCode = ExitCode.refused;
}

function progressBar(wanted: boolean): (progress: JobProgress | undefined) => void {
  const foot = new LiveLine();
  let seen = "";
  return (progress) => {
    if (!wanted) return;
    if (progress === undefined) return foot.clear();
    const line = formatProgress(progress);
    if (foot.isLive) foot.show(line);
    else if (progress.migration?.phase !== undefined && progress.migration.phase !== seen) {
      seen = progress.migration.phase;
      process.stderr.write(`${line}\n`);
    }
  };
}

function explain(last: JobProgress | undefined): void {
  for (const line of last?.migration?.explanation ?? [])
    console.log(style.faint(wrapForTerminal(`  ${line}`, process.stdout)));
}

function report(
  vm: string,
  options: MoveOptions,
  elapsed: number,
  owner: string,
  last: JobProgress | undefined,
): void {
  const { migration } = last ?? {};
  if (options.json === true) {
    const { from, to } = options;
    console.log(JSON.stringify({ moved: vm, from, to, person: owner, totalTime: elapsed, ...migration }));
    return;
  }
  const facts = [
    `${formatDuration(elapsed)} in all`,
    ...(migration?.downtime === undefined
      ? []
      : [`downtime ${formatDuration(migration.downtime)} by QEMU's count`]),
    ...(migration === undefined
      ? []
      : [`${formatBytes(migration.memoryTransferred)} in ${migration.pass} passes`]),
  ];
  const told = `${style.good(`${vm} runs on ${options.to}.`)} ${facts.join(", ")}; asked by ${owner}.`;
  console.log(wrapForTerminal(told, process.stdout));
}

/** Ctrl-C asks the host to stop and waits for its word; a second one leaves the job to itself. */
function cancelOnInterrupt(cancel: () => Promise<void>): () => void {
  const onInterrupt = (): void => {
    process.stderr.write("\nasking the host to cancel (again to leave it to itself) …\n");
    process.once("SIGINT", () => process.exit(ExitCode.failed));
    cancel().catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
  };
  process.once("SIGINT", onInterrupt);
  return () => process.removeListener("SIGINT", onInterrupt);
}
