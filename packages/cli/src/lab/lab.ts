import { mkdirSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import { WaybillError } from "@waybill/base";
import type { EvidenceMode } from "@waybill/host";
import type { AuditRecord } from "@waybill/hyperv";
import { buildGuest, parseVmDefinition, probeQemu, VirtualMachine } from "@waybill/qemu";
import { connectHostAs } from "../session/connect-host.ts";
import { readWorkstation, type Workstation } from "../session/workstation.ts";
import { assertPortsFree } from "./assert-ports-free.ts";
import {
  backgroundProcesses,
  endBackground,
  openBackground,
  startBackground,
  stopBackground,
  untilReady,
  waybillAgain,
} from "./background.ts";
import { EmbeddedLabDomain } from "./embedded-lab-domain.ts";
import { defaultGuest, defineGuest } from "./guest-definition.ts";
import { hostSystems, type LabDomain, type LabDomainKind, signInToLab } from "./lab-domain.ts";
import { claimFolder, clearFolder, holdsLab } from "./lab-folder.ts";
import { labHostConfig, writeLabHost } from "./lab-host.ts";
import {
  fullLabName,
  hostState,
  type LabLayout,
  labAddress,
  labHosts,
  labPaths,
  labPorts,
} from "./layout.ts";
import { SambaLabDomain } from "./samba/samba-lab-domain.ts";
import { guestScore } from "./switchboard.ts";
import { writeWorkstationFiles } from "./workstation-files.ts";

export interface LabOptions {
  readonly domain: LabDomainKind;
  readonly evidence: EvidenceMode;
  readonly progress: (what: string) => void;
  /** Gives up; what was started is ended again. */
  readonly signal?: AbortSignal | undefined;
}

/** A running lab: a domain controller, two hosts, a switch and a machine, each a process of its own. */
export class Lab {
  readonly layout: LabLayout;
  readonly domain: LabDomain;
  readonly workstation: Workstation;
  readonly accelerator: "kvm" | "tcg";

  private constructor(layout: LabLayout, domain: LabDomain, accelerator: "kvm" | "tcg") {
    this.layout = layout;
    this.domain = domain;
    this.accelerator = accelerator;
    const { krb5Conf, workstationConfig } = labPaths(layout);
    this.workstation = readWorkstation({ KRB5_CONFIG: krb5Conf, WAYBILL_CONFIG: workstationConfig });
  }

  /** Starts a lab from nothing. @throws WaybillError LAB_EXISTS, LAB_PLACE_UNUSABLE, LAB_PART_NOT_READY */
  static async up(layout: LabLayout, options: LabOptions): Promise<Lab> {
    if (await Lab.isRunning(layout)) throw labExists(layout.state);
    // What is left of a lab that was not ended, as by a power failure.
    if (holdsLab(layout)) await Lab.down(layout);
    await assertPortsFree(layout, options.domain);
    await claimFolder(layout);
    openBackground(labPaths(layout).processes);
    try {
      return await Lab.#start(layout, options);
    } catch (error) {
      // The logs of a part that did not come up are worth reading; everything else is taken away again.
      if (error instanceof WaybillError && error.code === "LAB_PART_NOT_READY") await Lab.#end(layout);
      else await Lab.down(layout);
      throw error;
    }
  }

  /** Whether any process of a lab runs, be it whole or not. */
  static async isRunning(layout: LabLayout): Promise<boolean> {
    return (await backgroundProcesses(labPaths(layout).processes)).alive.length > 0;
  }

  static async #start(layout: LabLayout, options: LabOptions): Promise<Lab> {
    const { domain: kind, evidence, progress, signal } = options;
    const paths = labPaths(layout);
    mkdirSync(paths.switch, { recursive: true, mode: 0o700 });
    progress("guest image");
    const guest = await buildGuest(undefined, { progress, signal });
    const { accelerator } = await probeQemu({ guest, signal });
    signal?.throwIfAborted();
    progress(kind === "samba" ? "domain LAB.TEST on Samba" : "domain LAB.TEST");
    const part = ["--state", layout.state];
    await startBackground(paths.processes, "switch", waybillAgain("lab", "part-switch", ...part));
    const domain = await createDomain(layout, kind);
    if (evidence === "s4u2self") await domain.apply({ attributes: hostSystems(evidence) });
    writeWorkstationFiles(domain);
    const lab = new Lab(layout, domain, accelerator);
    const definition = defineGuest(defaultGuest, paths.shared, () => {});
    await untilReady(paths.processes, "dc", async () => {
      for (const port of Object.values(domain.ports)) await reachable(labAddress(layout, "dc1"), port);
    });
    progress("hosts kvm01 and kvm02");
    for (const host of labHosts) await writeLabHost(domain, host, accelerator, evidence);
    await Promise.all(labHosts.map((host) => lab.startHost(host)));
    progress(
      `virtual machine web01 (${accelerator === "kvm" ? "KVM" : "TCG: no guest runs under KVM here"})`,
    );
    await lab.#startGuest(await definition);
    await writeFile(join(layout.state, "lab.json"), JSON.stringify({ accelerator, domain: kind }), {
      mode: 0o600,
    });
    return lab;
  }

  /** Takes up a lab that is there. @throws WaybillError NO_LAB, LAB_BROKEN */
  static async open(layout: LabLayout): Promise<Lab> {
    const { alive, dead } = await backgroundProcesses(labPaths(layout).processes);
    if (alive.length === 0) throw noLab(layout.state);
    const text = await readFile(join(layout.state, "lab.json"), "utf8").catch(() => undefined);
    if (text === undefined || dead.length > 0) throw labBroken(layout.state, dead);
    const { accelerator, domain } = JSON.parse(text) as { accelerator: "kvm" | "tcg"; domain: LabDomainKind };
    const opened = domain === "samba" ? SambaLabDomain.open(layout) : EmbeddedLabDomain.open(layout);
    return new Lab(layout, opened, accelerator);
  }

  /**
   * Ends every process of a lab, finished or not, and removes all it left. False when there was none.
   *
   * @throws WaybillError LAB_PLACE_UNUSABLE: there are files that no lab made.
   */
  static async down(layout: LabLayout): Promise<boolean> {
    if (!holdsLab(layout)) return false;
    await Lab.#end(layout);
    await clearFolder(layout);
    return true;
  }

  static async #end(layout: LabLayout): Promise<void> {
    await endBackground(labPaths(layout).processes);
    for (const host of labHosts) await killMachines(join(hostState(layout, host), "run", "vm"));
  }

  /** @param clockOffset milliseconds the host's clock is wrong by. */
  async startHost(host: string, clockOffset = 0): Promise<void> {
    const { processes } = labPaths(this.layout);
    const options = ["--config", labHostConfig(this.layout, host), "--clock-offset", String(clockOffset)];
    await startBackground(processes, host, waybillAgain("host", "run", ...options));
    await untilReady(processes, host, () => reachable(labAddress(this.layout, host), labPorts.wsman));
  }

  /** Machines run on meanwhile. */
  async restartHost(host: string, clockOffset = 0): Promise<void> {
    await this.stopHost(host);
    await this.startHost(host, clockOffset);
  }

  async stopHost(host: string): Promise<void> {
    await stopBackground(labPaths(this.layout).processes, host);
  }

  /** Whether a host has the machine, as bob sees it. */
  async has(host: string, machine: string): Promise<boolean> {
    const tgt = await signInToLab(this.domain, "bob", this.workstation);
    const client = connectHostAs(tgt, host, this.workstation);
    try {
      return (await client.listVms()).some(({ name }) => name === machine);
    } finally {
      client.close();
    }
  }

  /** A host's newest audit records. */
  async audit(host: string, limit: number): Promise<readonly AuditRecord[]> {
    const tgt = await signInToLab(this.domain, "bob", this.workstation);
    const client = connectHostAs(tgt, host, this.workstation);
    try {
      return await client.auditRecords({ vm: "web01", limit });
    } finally {
      client.close();
    }
  }

  async guest(reset = false): ReturnType<typeof guestScore> {
    return await guestScore(labPaths(this.layout).switch, reset);
  }

  /** Lets go of the lab's files; the lab runs on. */
  async close(): Promise<void> {
    await this.domain.close();
  }

  /** Bob defines and starts the machine: operating it is another right than moving it. */
  async #startGuest(document: Record<string, unknown>): Promise<void> {
    const definition = parseVmDefinition(document);
    const tgt = await signInToLab(this.domain, "bob", this.workstation);
    const client = connectHostAs(tgt, fullLabName("kvm01"), this.workstation);
    try {
      const { name, uuid, memoryMiB, vcpus } = definition;
      const text = JSON.stringify(definition);
      await client.defineVm({
        name,
        id: uuid,
        memoryMiB,
        processors: vcpus,
        document: { format: "waybill-vm/1", text },
      });
      await client.requestVmState(uuid, "running");
    } finally {
      client.close();
    }
    await untilReady(labPaths(this.layout).processes, "kvm01", async () => {
      const { heartbeat } = await this.guest();
      if (heartbeat.last === undefined) throw new Error("no heartbeat yet");
    });
  }
}

async function createDomain(layout: LabLayout, kind: LabDomainKind): Promise<LabDomain> {
  if (kind === "samba") return await SambaLabDomain.create(layout);
  const { processes } = labPaths(layout);
  const domain = EmbeddedLabDomain.create(layout);
  await startBackground(processes, "dc", waybillAgain("lab", "part-domain", "--state", layout.state));
  return domain;
}

async function reachable(host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = createConnection({ host, port });
    socket.once("connect", () => {
      socket.destroy();
      resolve();
    });
    socket.once("error", reject);
  });
}

async function killMachines(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    const machine = await VirtualMachine.attach(join(directory, name), { timeout: 2000 }).catch(
      () => undefined,
    );
    await machine?.kill();
  }
}

function labExists(state: string): WaybillError {
  return new WaybillError(`there is a lab in ${state} already`, {
    code: "LAB_EXISTS",
    family: "caller",
    facts: { state },
    remedy: "Use it, end it with `waybill lab down`, or name another place with --state.",
  });
}

function labBroken(state: string, dead: readonly string[]): WaybillError {
  const what = dead.length === 0 ? "is being started or ended" : `is not whole: ${dead.join(", ")} ended`;
  return new WaybillError(`the lab in ${state} ${what}`, {
    code: "LAB_BROKEN",
    family: "environment",
    facts: { state },
    remedy: "End it with `waybill lab down`, then start it anew.",
  });
}

function noLab(state: string): WaybillError {
  return new WaybillError(`there is no lab in ${state}`, {
    code: "NO_LAB",
    family: "caller",
    facts: { state },
    remedy: "Start one with `waybill lab up`.",
  });
}
