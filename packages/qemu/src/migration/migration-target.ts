import { diskNode } from "../definition/command-line.ts";
import type { LaunchOptions } from "../machine/launch.ts";
import { VirtualMachine } from "../machine/virtual-machine.ts";
import type { MigrationInfo, MigrationStatus } from "../qmp/migration-info.ts";
import { ignoreRefusal, QmpError } from "../qmp-error.ts";
import { MigrationNews } from "./migration-news.ts";
import { type MigrationOptions, migrationCapabilities, migrationParameters } from "./migration-options.ts";
import { listenOnFreePort, type PortRange } from "./ports.ts";
import { receivedBytes } from "./received-bytes.ts";
import { type MigrationKey, sweepKeys, TlsCredentials } from "./tls-psk.ts";

export interface SocketAddress {
  /** An IP address. */
  readonly host: string;
  readonly port: number;
}

export interface TargetOptions {
  readonly migration: MigrationOptions;
  /** Encrypts memory and disks. Leaving it out means plain TCP. */
  readonly secret?: MigrationKey | undefined;
  readonly secretsRoot?: string | undefined;
}

/**
 * The receiving QEMU of one migration, in explicit steps, so that whoever drives them can write down each
 * one before taking it:
 *
 *     start → exportDisks? → listen → (source sends) → closeDoor → [source at pre-switchover: closeStorage]
 *           → awaitArrival → activate
 *
 * `activate` is the only step that lets the guest run, and belongs after the source has confirmed that it
 * completed and will never run again. `abandon` is right at every step before it.
 */
export class MigrationTarget {
  readonly vm: VirtualMachine;
  #credentials: TlsCredentials | undefined;
  #exporting = false;
  /** Where memory and disks come in. */
  readonly #ports: number[] = [];
  /** QEMU has said that everything is here. */
  #complete = false;
  /** The guest was told to run. */
  #activated = false;

  readonly #secretsRoot: string | undefined;

  /** Takes up a destination that is already there, after a restart of this process. */
  constructor(vm: VirtualMachine, options: { readonly secretsRoot?: string | undefined } = {}) {
    this.vm = vm;
    this.#secretsRoot = options.secretsRoot;
  }

  /**
   * Starts a QEMU that waits for memory, with the guest stopped. Disk images must exist, with the source's
   * virtual size (see {@link createDisk}).
   */
  static async start(
    launch: Omit<LaunchOptions, "incoming" | "paused">,
    options: TargetOptions,
  ): Promise<MigrationTarget> {
    const vm = await VirtualMachine.start({ ...launch, incoming: true });
    const target = new MigrationTarget(vm, options);
    try {
      if (options.secret !== undefined)
        target.#credentials = await TlsCredentials.create(vm, options.secret, {
          endpoint: "server",
          secretsRoot: options.secretsRoot,
          owner: launch.runAs,
        });
      const capabilities = migrationCapabilities(options.migration);
      await vm.execute("migrate-set-capabilities", { capabilities });
      const tls = target.#credentials?.id ?? "";
      await vm.execute("migrate-set-parameters", {
        ...migrationParameters(options.migration),
        "tls-creds": tls,
      });
      return target;
    } catch (error) {
      await target.abandon();
      throw error;
    }
  }

  /** Offers every writable disk over NBD, each under its id. */
  async exportDisks(host: string, ports?: PortRange): Promise<SocketAddress> {
    const tls = this.#credentials === undefined ? {} : { "tls-creds": this.#credentials.id };
    const port = await listenOnFreePort(host, ports, async (candidate) => {
      const addr = { type: "inet", data: { host, port: String(candidate) } };
      await this.vm.execute("nbd-server-start", { addr, ...tls });
    });
    this.#exporting = true;
    this.#ports.push(port);
    for (const { id, readOnly } of this.vm.definition.disks) {
      if (readOnly) continue;
      const exported = { type: "nbd", id: exportId(id), "node-name": diskNode(id), name: id, writable: true };
      await this.vm.execute("block-export-add", exported);
    }
    return { host, port };
  }

  /** Listens for the guest's memory. */
  async listen(host: string, ports?: PortRange): Promise<SocketAddress> {
    const port = await listenOnFreePort(host, ports, async (candidate) => {
      await this.vm.execute("migrate-incoming", { uri: `tcp:${bracketed(host)}:${candidate}` });
    });
    this.#ports.push(port);
    return { host, port };
  }

  /**
   * How many bytes of memory and disks have come in so far; only its changes mean something (see
   * {@link receivedBytes}).
   */
  async received(): Promise<number> {
    if (this.#ports.length === 0)
      this.#ports.push(...(await this.vm.migration()).socketAddresses.map(({ port }) => port));
    return await receivedBytes(this.#ports);
  }

  /** Deletes the key: call it when the source has reported that memory travels. */
  async closeDoor(): Promise<void> {
    await sweepKeys(this.vm.directory, "server", this.#secretsRoot);
  }

  /**
   * Ends the disks' exports. Belongs between the source's `finishMirror` and `handOver`: QEMU cannot take
   * over images that a server still writes to.
   */
  async closeStorage(): Promise<void> {
    if (!this.#exporting && this.vm.definition.disks.length === 0) return;
    for (const id of await this.vm.execute("query-block-exports"))
      await this.vm.execute("block-export-del", { id, mode: "hard" });
    if (this.#exporting) await this.vm.execute("nbd-server-stop");
    this.#exporting = false;
  }

  /**
   * Waits until everything has arrived (`completed`), or enough to run (`postcopy-active`).
   *
   * @throws QmpError TARGET_FAILED, VM_GONE; DeadlineError.
   */
  async awaitArrival(
    options: { readonly timeout?: number; readonly signal?: AbortSignal } = {},
  ): Promise<MigrationInfo> {
    const { timeout = 30_000, signal } = options;
    const end = performance.now() + timeout;
    const news = new MigrationNews(this.vm);
    try {
      for (;;) {
        const info = await this.vm.migration({ signal });
        this.#complete = info.status === "completed";
        if (arrived(info.status)) return info;
        if (info.status === "failed") throw targetFailed(this.vm.name, info);
        if (performance.now() > end) throw notArrived(this.vm.name, info.status);
        await news.wait(20, signal);
      }
    } finally {
      news.stop();
    }
  }

  /**
   * Lets the guest run here. Only when the source has confirmed that it never will again.
   *
   * @throws QmpError TARGET_NOT_READY while not everything has arrived: QEMU would accept the order and start
   * the guest by itself later.
   */
  async activate(): Promise<void> {
    // Every question here is an answer that the guest stands still for.
    if (!this.#complete) {
      const info = await this.vm.migration();
      const { state } = await this.vm.status();
      if (!arrived(info.status) || state === "inmigrate") throw notArrived(this.vm.name, info.status);
    }
    this.#activated = true;
    // A guest that runs already runs on.
    await this.vm.execute("cont");
    await this.vm.takeOwnership();
    await this.closeDoor();
  }

  /** Gives the copy up: QEMU and key are gone afterwards. Refused once the guest was told to run. */
  async abandon(): Promise<void> {
    if (this.#activated || !this.vm.incoming)
      throw new QmpError(`${this.vm.name} runs here and cannot be given up`, {
        code: "TARGET_ACTIVE",
        family: "caller",
        facts: { name: this.vm.name },
      });
    await this.closeDoor();
    await this.vm.kill();
  }

  /** After success: nothing of the migration stays behind in QEMU. */
  async tidy(): Promise<void> {
    await this.closeDoor();
    await this.vm.execute("migrate-set-parameters", { "tls-creds": "" });
    // It is not there when the migration was not encrypted.
    await this.vm.execute("object-del", { id: "tls-server" }).catch(ignoreRefusal);
    this.#credentials = undefined;
  }
}

function arrived(status: MigrationStatus): boolean {
  return status === "completed" || status === "postcopy-active";
}

function exportId(disk: string): string {
  return `export-${disk}`;
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function targetFailed(name: string, info: MigrationInfo): QmpError {
  return new QmpError(`the destination's QEMU could not take ${name}: ${info.error ?? "no reason given"}`, {
    code: "TARGET_FAILED",
    family: "environment",
    facts: { name },
    remedy: "See QEMU's log at the destination; the machine goes on at its source.",
  });
}

function notArrived(name: string, status: MigrationStatus): QmpError {
  return new QmpError(`${name} has not arrived completely (migration is ${status})`, {
    code: "TARGET_NOT_READY",
    family: "caller",
    facts: { name, status },
  });
}
