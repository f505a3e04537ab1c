import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { HostCaller, HyperVHost } from "@waybill/hyperv";
import type { TestDomain } from "@waybill/kdc/testing";
import { type Credential, createInitiator, writeKeytab } from "@waybill/kerberos";
import { stringify } from "yaml";
import { IpcClient } from "../../src/ipc/ipc-client.ts";
import { remoteBroker, remoteHost } from "../../src/listener/remote-host.ts";
import type { MigrationStep } from "../../src/migration/steps.ts";
import { SmallDisk, type SmallDiskWish } from "./small-disk.ts";

export type Verdict = "go" | "fail" | "never";

export interface TestHostOptions {
  readonly directory: string;
  readonly name: string;
  readonly address: string;
  readonly domain: TestDomain;
  readonly operators: string;
  readonly krb5Conf: string;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly smallDisk?: SmallDiskWish | undefined;
  readonly onStep: (host: TestHost, step: MigrationStep, migration: string) => Promise<Verdict>;
}

/** A host's service as a person may use it. */
export interface SignedIn {
  readonly host: HyperVHost;
  readonly caller: HostCaller;
  readonly ipc: IpcClient;
}

/** One host: its service is a process of its own, this process is its listener. */
export class TestHost {
  readonly fullName: string;
  readonly run: string;
  readonly storage: string;
  readonly #options: TestHostOptions;
  /** If it was wished for, from the first start on. */
  disk: SmallDisk | undefined;
  #child: ChildProcess | undefined;
  #ipc: IpcClient | undefined;
  readonly #signedIn = new WeakMap<Credential, SignedIn>();

  constructor(options: TestHostOptions) {
    this.#options = options;
    this.fullName = `${options.name}.lab.test`;
    this.run = join(options.directory, "r");
    this.storage = join(options.directory, "storage");
    mkdirSync(this.storage, { recursive: true, mode: 0o700 });
  }

  get name(): string {
    return this.#options.name;
  }

  get log(): string {
    return readFileSync(this.#logPath, "utf8");
  }

  get #logPath(): string {
    return join(this.#options.directory, "service.log");
  }

  async configure(peer: {
    readonly name: string;
    readonly address: string;
    readonly port: number;
  }): Promise<void> {
    const { directory, address, domain, operators, krb5Conf, config } = this.#options;
    const keytab = join(directory, "host.keytab");
    await writeKeytab(keytab, domain.keytab(`${this.name.toUpperCase()}$`));
    const document = {
      host: this.fullName,
      realm: domain.realm,
      keytab,
      "krb5-conf": krb5Conf,
      state: join(directory, "state"),
      run: this.run,
      migration: { address, port: 6600 },
      peers: { [peer.name]: { address: peer.address, port: peer.port } },
      accelerator: "tcg",
      storage: [this.storage, join(directory, "..", "shared")],
      access: [
        {
          who: [operators],
          may: ["list", "operate", "console", "define", "move-out", "accept", "configure", "audit"],
        },
      ],
      ...config,
    };
    writeFileSync(join(directory, "host.yaml"), stringify(document), { mode: 0o600 });
  }

  async start(): Promise<void> {
    const { directory, smallDisk } = this.#options;
    if (smallDisk !== undefined)
      this.disk ??= await SmallDisk.mount(join(directory, smallDisk.folder), smallDisk.bytes);
    const log = openSync(this.#logPath, "a", 0o600);
    const [program, ...args] = [
      ...(this.disk?.enter ?? []),
      process.execPath,
      "--import",
      import.meta.resolve("tsx"),
      "--conditions=@waybill/source",
      fileURLToPath(new URL("stepping-service.ts", import.meta.url)),
      join(directory, "host.yaml"),
    ];
    const child = spawn(program as string, args, { stdio: ["ignore", log, log, "ipc"] });
    closeSync(log);
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      child.once("exit", (code, signal) =>
        reject(
          new Error(`${this.name} ended (${code ?? signal}): ${this.log.split("\n").slice(-4).join(" ")}`),
        ),
      );
      child.on(
        "message",
        (message: { ready?: true; id?: number; step?: MigrationStep; migration?: string }) => {
          if (message.ready) resolve();
          if (message.step === undefined) return;
          void this.#options.onStep(this, message.step, message.migration ?? "").then((verdict) => {
            if (verdict !== "never" && child.connected) child.send({ id: message.id, verdict });
          });
        },
      );
    });
  }

  /** Starts the service unless it runs. */
  async revive(): Promise<void> {
    if (this.#child === undefined) await this.start();
  }

  /** `kill -9` of the service, and nothing else. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    this.#ipc?.close();
    this.#ipc = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  /** Signs a person in over the local socket, once, and returns the host as they may use it. */
  async as(tgt: Credential): Promise<SignedIn> {
    this.#ipc ??= new IpcClient(join(this.run, "service.sock"));
    const ipc = this.#ipc;
    const known = this.#signedIn.get(tgt);
    if (known?.ipc === ipc) return known;
    const { domain } = this.#options;
    const server = domain.principal(`WSMAN/${this.fullName}`);
    const initiator = createInitiator({ credential: await domain.client.getTicket({ tgt, server }) });
    const broker = remoteBroker(ipc);
    const connection = randomUUID();
    let step = initiator.step();
    for (;;) {
      const answer = await broker.accept(connection, step.token ?? new Uint8Array());
      if (answer.established) {
        const host = remoteHost(ipc, this.fullName, "test");
        const signedIn = { host, caller: { session: answer.session ?? "" }, ipc };
        this.#signedIn.set(tgt, signedIn);
        return signedIn;
      }
      step = initiator.step(answer.token);
    }
  }

  /** Where the machine's QEMU lives on this host. */
  machineDirectory(vm: string): string {
    return join(this.run, "vm", Buffer.from(vm.replaceAll("-", ""), "hex").toString("base64url"));
  }
}
