import { randomBytes, randomUUID } from "node:crypto";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "@waybill/base";
import {
  buildGuest,
  createDisk,
  defaultMigrationOptions,
  type GuestImage,
  type MigrationKey,
  type MigrationOptions,
  MigrationSource,
  MigrationTarget,
  type NetworkAttachment,
  parseVmDefinition,
  placeVm,
  type StepOptions,
  VirtualMachine,
  type VmDefinition,
} from "../../src/index.ts";

interface User {
  readonly uid: number;
  readonly gid: number;
}

export interface GuestWish {
  /** Orders of the guest's init, without `wb.`: `{ heartbeat: "1000" }`. */
  readonly orders?: Readonly<Record<string, string>>;
  readonly network?: NetworkAttachment;
  readonly diskBytes?: number;
  readonly overrides?: Partial<VmDefinition>;
}

export interface MoveWish extends StepOptions {
  readonly migration?: Partial<MigrationOptions>;
  readonly secret?: MigrationKey;
  readonly targetSecret?: MigrationKey;
  readonly network?: NetworkAttachment;
  /** The destination opens the same images instead of copies. */
  readonly sharedDisks?: boolean;
}

/** A folder full of guests that vanish with it. */
export class GuestFixture {
  readonly directory: string;
  readonly image: GuestImage;
  readonly runAs: User | undefined;
  readonly #machines: VirtualMachine[] = [];
  #count = 0;

  private constructor(directory: string, image: GuestImage, runAs: User | undefined) {
    this.directory = directory;
    this.image = image;
    this.runAs = runAs;
  }

  /** With `runAs` all QEMUs run as that user; takes root. */
  static async create(runAs?: User): Promise<GuestFixture> {
    const directory = await mkdtemp(join(tmpdir(), "wbq-"));
    const image = { ...(await buildGuest()) };
    if (runAs !== undefined) {
      await chmod(directory, 0o711);
      for (const file of ["kernel", "initrd"] as const) {
        await copyFile(image[file], join(directory, file));
        image[file] = join(directory, file);
      }
    }
    await mkdir(join(directory, "secrets"), { mode: 0o711 });
    return new GuestFixture(directory, image, runAs);
  }

  /** Where keys pass through. */
  get secrets(): string {
    return join(this.directory, "secrets");
  }

  async destroy(): Promise<void> {
    for (const vm of this.#machines) await vm.kill();
    await rm(this.directory, { recursive: true, force: true });
  }

  track(vm: VirtualMachine): VirtualMachine {
    this.#machines.push(vm);
    return vm;
  }

  /** Starts a guest of 128 MiB and waits until it reports. */
  async boot(wish: GuestWish = {}): Promise<VirtualMachine> {
    const orders = Object.entries({ heartbeat: "1000", ...wish.orders }).map(
      ([key, value]) => `wb.${key}=${value}`,
    );
    const path = join(this.directory, `original-${this.#count}.raw`);
    if (wish.diskBytes !== undefined) await createDisk({ path, format: "raw" }, wish.diskBytes, this.runAs);
    const definition = parseVmDefinition({
      name: "web01",
      uuid: randomUUID(),
      memoryMiB: 128,
      reportPort: true,
      boot: {
        kernel: this.image.kernel,
        initrd: this.image.initrd,
        commandLine: ["console=ttyS0", "quiet", "panic=-1", ...orders].join(" "),
      },
      disks: wish.diskBytes === undefined ? [] : [{ id: "disk0", path, format: "raw" }],
      networks:
        wish.network === undefined
          ? []
          : [{ id: "net0", mac: "52:54:00:10:00:01", attachment: wish.network }],
      ...wish.overrides,
    });
    const vm = await VirtualMachine.start({
      definition,
      directory: this.#next(),
      accelerator: "tcg",
      runAs: this.runAs,
    });
    this.track(vm);
    await reported(vm, /HEARTBEAT/);
    return vm;
  }

  /** A destination for `vm`, with an empty disk of the same size. */
  async target(vm: VirtualMachine, wish: MoveWish = {}): Promise<MigrationTarget> {
    const directory = this.#next();
    const disks: Record<string, string> = {};
    for (const disk of wish.sharedDisks ? [] : vm.definition.disks) {
      disks[disk.id] = join(this.directory, `disk-${this.#count}.raw`);
      const size = (await vm.execute("query-named-block-nodes")).find(({ name }) => name === "node-disk0");
      await createDisk({ path: disks[disk.id]!, format: disk.format }, size!.virtualSize, this.runAs);
    }
    const networks = wish.network === undefined ? {} : { net0: wish.network };
    const definition = placeVm(vm.definition, { disks, networks });
    const migration = { ...defaultMigrationOptions, ...wish.migration };
    const secret = wish.targetSecret ?? wish.secret;
    const target = await MigrationTarget.start(
      { definition, directory, accelerator: "tcg", runAs: this.runAs },
      { migration, secret, secretsRoot: this.secrets },
    );
    this.track(target.vm);
    return target;
  }

  async source(vm: VirtualMachine, wish: MoveWish = {}): Promise<MigrationSource> {
    const source = new MigrationSource(vm);
    await source.prepare({
      migration: { ...defaultMigrationOptions, ...wish.migration },
      secret: wish.secret,
      secretsRoot: this.secrets,
      ...(this.runAs === undefined ? {} : { runAs: this.runAs }),
    });
    return source;
  }

  /** The whole move, as a host drives it. */
  async move(
    vm: VirtualMachine,
    wish: MoveWish = {},
  ): Promise<{ target: MigrationTarget; source: MigrationSource }> {
    const all = { secret: newSecret(), ...wish };
    const target = await this.target(vm, all);
    const source = await this.source(vm, all);
    if (vm.definition.disks.length > 0 && !wish.sharedDisks)
      await source.mirrorDisks(await target.exportDisks("127.0.0.1"), wish);
    await source.sendMemory(await target.listen("127.0.0.1"), wish);
    await target.closeDoor();
    await source.finishMirror();
    await target.closeStorage();
    await source.handOver();
    await target.awaitArrival();
    await target.activate();
    return { target, source };
  }

  #next(): string {
    this.#count++;
    return join(this.directory, `m${this.#count}`);
  }
}

export function newSecret(): MigrationKey {
  return { identity: "migration", key: new Uint8Array(randomBytes(32)) };
}

/** Waits until the guest has reported something that fits. */
export async function reported(vm: VirtualMachine, pattern: RegExp, timeout = 180_000): Promise<string> {
  const end = performance.now() + timeout;
  for (;;) {
    const text = await readFile(vm.paths.reportLog, "utf8").catch(() => "");
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) return found;
    if (performance.now() > end)
      throw new Error(`the guest never reported ${String(pattern)}: ${text.slice(-500)}`);
    await sleep(20);
  }
}

/** The guest is alive: its heartbeat goes on. */
export async function beats(vm: VirtualMachine): Promise<boolean> {
  const count = async (): Promise<number> =>
    (await readFile(vm.paths.reportLog, "utf8").catch(() => "")).split("HEARTBEAT").length;
  const before = await count();
  const end = performance.now() + 60_000;
  while (performance.now() < end) {
    if ((await count()) > before) return true;
    await sleep(20);
  }
  return false;
}

/** Types a line on the guest's console and returns what it says until `pattern` fits. */
export async function typeOnConsole(vm: VirtualMachine, line: string, pattern: RegExp): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ path: vm.consoleSocket });
    const timer = setTimeout(
      () => socket.destroy(new Error(`the console said only ${JSON.stringify(said)}`)),
      60_000,
    );
    let said = "";
    socket.on("connect", () => socket.write(`${line}\n`));
    socket.on("data", (chunk) => {
      said += chunk.toString("latin1");
      const found = pattern.exec(said)?.[0];
      if (found === undefined) return;
      clearTimeout(timer);
      socket.destroy();
      resolve(found);
    });
    socket.on("error", reject);
  });
}
