import { join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  createDisk,
  diskNode,
  LabSwitch,
  type MigrationOptions,
  MigrationTarget,
  placeVm,
  tlsPriority,
  type VirtualMachine,
} from "../src/index.ts";
import {
  migrationCapabilities,
  migrationParameters,
  parseMigrationOptions,
} from "../src/migration/migration-options.ts";
import { TlsCredentials } from "../src/migration/tls-psk.ts";
import { GuestFixture, newSecret, reported } from "../test/support/guests.ts";

export interface BareWish {
  readonly options: MigrationOptions;
  readonly encrypted: boolean;
  /** State directory of the destination's QEMU. */
  readonly directory: string;
  readonly networks?: Parameters<typeof placeVm>[1]["networks"];
  /** Where the disks' copies go, by id; created here. */
  readonly disks?: Readonly<Record<string, string>>;
}

export interface BareResult {
  readonly vm: VirtualMachine;
  /** From the order to the guest running at the destination and the source's QEMU gone, with the start of the destination's QEMU. */
  readonly wall: number;
  /** QEMU's own figures, ms. */
  readonly total: number;
  readonly downtime: number;
  /** From the source's STOP to the destination's RESUME, as seen here, ms. */
  readonly stopToResume: number;
  readonly transferred: number;
}

/**
 * The least a controller can do to move a guest with QMP: the same commands and options that a Waybill host
 * gives its QEMUs, and none of its identity, protocol, journal or authorization. What `npm run bench move`
 * compares with.
 */
export async function bareMigrate(vm: VirtualMachine, wish: BareWish): Promise<BareResult> {
  const started = performance.now();
  const secret = newSecret();
  const sizes = new Map(
    (await vm.execute("query-named-block-nodes")).map((node) => [node.name, node.virtualSize]),
  );
  for (const { id, format } of vm.definition.disks)
    await createDisk({ path: wish.disks?.[id] ?? "", format }, sizes.get(diskNode(id)) ?? 0);
  const definition = placeVm(vm.definition, { networks: wish.networks ?? {}, disks: wish.disks ?? {} });
  const launch = { definition, directory: wish.directory, accelerator: vm.accelerator };
  const target = await MigrationTarget.start(launch, {
    migration: wish.options,
    secret: wish.encrypted ? secret : undefined,
  });
  const [near, far] = [await vm.control(), await target.vm.control()];
  if (wish.encrypted) await TlsCredentials.create(vm, secret, { endpoint: "client" });
  const tls = wish.encrypted ? "tls-client" : "";
  await near.execute("migrate-set-capabilities", { capabilities: migrationCapabilities(wish.options) });
  await near.execute("migrate-set-parameters", { ...migrationParameters(wish.options), "tls-creds": tls });

  for (const { id } of vm.definition.disks) {
    const at = await target.exportDisks("127.0.0.1");
    const server = { type: "inet", host: at.host, port: String(at.port) };
    const credentials = wish.encrypted ? { "tls-creds": tls } : {};
    await near.execute("blockdev-add", {
      driver: "nbd",
      "node-name": `remote-${id}`,
      server,
      export: id,
      ...credentials,
    });
    const ready = near.waitForEvent("the mirror", ({ name }) => name === "BLOCK_JOB_READY", {
      timeout: 600_000,
    });
    const mirror = {
      "job-id": id,
      device: diskNode(id),
      target: `remote-${id}`,
      sync: "full",
      "on-target-error": "stop",
    };
    await near.execute("blockdev-mirror", { ...mirror, "copy-mode": "write-blocking" });
    await ready;
  }

  const address = await target.listen("127.0.0.1");
  const became = async (status: string): Promise<unknown> =>
    await near.waitForEvent(status, ({ data }) => data.status === status, { timeout: 120_000 });
  const stopped = near.waitForEvent("STOP", ({ name }) => name === "STOP", { timeout: 120_000 });
  const paused = became("pre-switchover");
  await near.execute("migrate", { uri: `tcp:${address.host}:${address.port}` });
  const stoppedAt = stopped.then(() => performance.now());
  await paused;
  for (const { id } of vm.definition.disks) {
    const done = near.waitForEvent("the mirror's end", ({ name }) => name === "BLOCK_JOB_COMPLETED");
    await near.execute("block-job-cancel", { device: id });
    await done;
    await near.execute("blockdev-del", { "node-name": `remote-${id}` });
  }
  await target.closeStorage();
  const completed = became("completed");
  await near.execute("migrate-continue", { state: "pre-switchover" });
  await completed;
  await target.awaitArrival();
  await far.execute("cont");
  const resumedAt = performance.now();
  await target.vm.takeOwnership();
  await target.closeDoor();
  let info = await vm.migration();
  while (info.totalTime === 0) info = await vm.migration();
  await vm.stop({ mode: "force" });
  return {
    vm: target.vm,
    wall: performance.now() - started,
    total: info.totalTime,
    downtime: info.downtime ?? 0,
    stopToResume: resumedAt - (await stoppedAt),
    transferred: info.ram?.transferred ?? 0,
  };
}

/** Moves one guest to and fro and prints what the switchover looked like from its network. */
async function main(rounds: number, options: MigrationOptions): Promise<void> {
  const fixture = await GuestFixture.create();
  const lab = new LabSwitch({ ip: "10.77.0.1", directory: fixture.directory });
  try {
    const orders = { ip: "10.77.0.21/24", heartbeat: "1000,10.77.0.1,7007", fill: "64" };
    const network = await lab.addPort("p0", "stream");
    let vm = await fixture.boot({ orders, network, overrides: { memoryMiB: 256 } });
    await reported(vm, /FILLED/);
    for (let round = 1; round <= rounds; round++)
      for (const encrypted of [false, true]) {
        const port = await lab.addPort(`p${round}-${encrypted}`, "stream");
        const heart = lab.watchHeartbeat("10.77.0.21");
        const directory = join(fixture.directory, `bare-${round}-${encrypted}`);
        const result = await bareMigrate(vm, { options, encrypted, directory, networks: { net0: port } });
        vm = fixture.track(result.vm);
        await lab.ping("10.77.0.21");
        const { vm: _, ...figures } = result;
        const rounded = Object.fromEntries(
          Object.entries(figures).map(([key, value]) => [key, Math.round(value)]),
        );
        const cipher = encrypted ? tlsPriority.split("+").at(-1) : "none";
        const seen = { cipher, ...rounded, guestVisible: Math.round(heart.stop().largestGap) };
        process.stdout.write(`${JSON.stringify(seen)}\n`);
      }
  } finally {
    await lab.close();
    await fixture.destroy();
  }
}

const [, script = "", rounds = "3", options = "{}"] = process.argv;
if (import.meta.url === pathToFileURL(script).href)
  await main(Number(rounds), parseMigrationOptions(JSON.parse(options)));
