import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { MemoryDirectory, migrationServiceClass } from "@waybill/directory";
import { PredictionMatrix } from "@waybill/doctor";
import { bundle } from "../../../tools/bundle.mjs";
import { type Size, writeLargeExport } from "./large-export.ts";

const root = join(import.meta.dirname, "../../..");

/** A whole process, from its start to its end. */
export interface ProcessFigures {
  readonly seconds: number;
  /** Seconds of CPU, in user and system mode. */
  readonly cpu: number;
  /** Largest resident set, in MiB. */
  readonly memory: number;
}

export interface ExaminationFigures {
  readonly ldif: ProcessFigures;
  readonly ldap: ProcessFigures;
}

/** `waybill doctor` as it is installed: over an export, and as somebody signed in, asking a domain controller. */
export async function benchExamination(
  size: Size = { accounts: 100_000, hosts: 500, entries: 2000 },
): Promise<ExaminationFigures> {
  const folder = mkdtempSync(join(tmpdir(), "waybill-bench-doctor-"));
  try {
    const file = join(folder, "export.ldif");
    await writeLargeExport(file, size);
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    const entries = {
      waybill: join(root, "packages/cli/src/main.ts"),
      server: join(import.meta.dirname, "ldap-server.ts"),
    };
    await bundle(entries, folder);
    const waybill = join(folder, "waybill.mjs");
    const ldif = await measure(waybill, ["doctor", "--ldif", file]);
    const server = spawn(process.execPath, [join(folder, "server.mjs"), file, folder], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      for await (const line of createInterface(server.stdout)) if (line === "ready") break;
      const environment = {
        KRB5_CONFIG: join(folder, "krb5.conf"),
        KRB5CCNAME: join(folder, "cc"),
        WAYBILL_CONFIG: join(folder, "workstation.yaml"),
      };
      const login = ["ticket", "login", "reader", "--password-file", join(folder, "password")];
      await measure(waybill, login, environment);
      return { ldif, ldap: await measure(waybill, ["doctor"], environment) };
    } finally {
      server.kill("SIGTERM");
      await once(server, "exit");
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const reporter = `data:text/javascript,${encodeURIComponent(
  'import { writeSync } from "node:fs"; process.on("exit", () => writeSync(3, JSON.stringify(process.resourceUsage())));',
)}`;

async function measure(
  script: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<ProcessFigures> {
  const began = performance.now();
  const child = spawn(process.execPath, [`--import=${reporter}`, script, ...args], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "ignore", "inherit", "pipe"],
  });
  let report = "";
  child.stdio[3]?.on("data", (chunk: Buffer) => {
    report += chunk.toString();
  });
  const [code] = (await once(child, "close")) as [number | null];
  const seconds = (performance.now() - began) / 1000;
  // 5: there are findings.
  if (code !== 0 && code !== 5) throw new Error(`${script} ended with ${code}`);
  const { userCPUTime, systemCPUTime, maxRSS } = JSON.parse(report) as NodeJS.ResourceUsage;
  return { seconds, cpu: (userCPUTime + systemCPUTime) / 1e6, memory: maxRSS / 1024 };
}

/** Predicts every person × source × destination; the seconds it takes, and how many cells. */
export function benchPredictions(
  hosts = 1000,
  people = 50,
): { readonly seconds: number; readonly cells: number } {
  const directory = new MemoryDirectory({ realm: "LAB.TEST" });
  const names = Array.from({ length: hosts }, (_, index) => `HV${index}`);
  directory.change((editor) => {
    for (const name of names) editor.createComputer({ name, migration: true });
    for (let index = 0; index < people; index++)
      editor.createUser({ name: `user${index}`, password: "Passw0rd!", sensitive: index % 10 === 0 });
    for (const [index, name] of names.entries()) {
      const to = names
        .filter((other, at) => other !== name && (at + index) % 3 !== 0)
        .flatMap((other) =>
          [other, `${other.toLowerCase()}.lab.test`].map((host) => `${migrationServiceClass}/${host}`),
        );
      editor.setDelegation(name, { to, protocol: index % 2 === 0 ? "any" : "kerberos" });
    }
  });
  const persons = Array.from({ length: people }, (_, index) => `user${index}`);
  const began = performance.now();
  const matrix = new PredictionMatrix({
    view: directory,
    people: persons,
    sources: names,
    evidence: "s4u2self",
  });
  let cells = 0;
  let works = 0;
  matrix.forEach((_person, _source, _destination, code) => {
    cells++;
    if (code === 0) works++;
  });
  if (works === 0) throw new RangeError("nothing works in this set");
  return { seconds: (performance.now() - began) / 1000, cells };
}
