import { type AddressInfo, connect as connectTo, createServer, type Socket } from "node:net";
import { listenHttp, type WsmanError, WsmanServer } from "@waybill/wsman";
import { afterEach, describe, expect, it } from "vitest";
import { ToyBroker, toySecurity } from "../../../wsman/test/support/toy-security.ts";
import {
  type HostCaller,
  HyperVClient,
  type HyperVError,
  HyperVProvider,
  type JobProgress,
} from "../../src/index.ts";
import { kerberosOnlyErrors, MemoryHost, web01 } from "../support/memory-host.ts";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

async function house() {
  const host = new MemoryHost();
  const broker = new ToyBroker();
  const server = new WsmanServer({ provider: new HyperVProvider(host), broker, machine: host.hostName });
  const listener = await listenHttp({ server, host: "127.0.0.1", port: 0 });
  const relay = await dropableRelay(listener.port);
  open.push(listener, relay);
  const connect = (user = "alice"): HyperVClient => {
    const client = new HyperVClient({
      host: "127.0.0.1",
      port: relay.port,
      security: toySecurity(user),
      timeout: 20_000,
    });
    open.push(client);
    return client;
  };
  return { host, connect, client: connect(), connections: relay };
}

/** Passes bytes on until told to cut every connection that is open. */
async function dropableRelay(target: number) {
  const sockets = new Set<Socket>();
  const relay = createServer((incoming) => {
    const outgoing = connectTo(target, "127.0.0.1");
    for (const socket of [incoming, outgoing]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => sockets.delete(socket));
    }
    incoming.pipe(outgoing).pipe(incoming);
  });
  await new Promise<void>((resolve) => {
    relay.listen(0, "127.0.0.1", resolve);
  });
  const drop = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const { port } = relay.address() as AddressInfo;
  const close = (): void => {
    drop();
    relay.close();
  };
  return { port, drop, close };
}

const failure = async <T>(work: Promise<unknown>): Promise<T> =>
  await work.then(
    () => Promise.reject(new Error("it did not fail")),
    (error: unknown) => error as T,
  );

const move = { vmId: web01, destinationHost: "kvm02.lab.test", type: "vm" } as const;

describe("virtual machines", () => {
  it("lists machines without the hosting computer, planned ones on request", async () => {
    const { client } = await house();
    expect((await client.listVms()).map((vm) => vm.name)).toEqual(["web01"]);
    const all = await client.listVms({ planned: true });
    expect(all.map((vm) => [vm.name, vm.planned])).toEqual([
      ["web01", false],
      ["ghost", true],
    ]);
  });

  it("describes one by name or id, with settings, disks, networks and the document", async () => {
    const { client, host } = await house();
    const { statusDescriptions, ...vm } = await client.getVm("web01");
    expect(vm).toEqual({ ...host.machines.get(web01), planned: false });
    expect(statusDescriptions).toEqual(["Operating normally"]);
    expect((await client.getVm(web01.toUpperCase())).name).toBe("web01");
  });

  it("a name cannot become part of the query", async () => {
    const { client } = await house();
    for (const name of ["x' or Name like '%", "\\", "'", "web01\\"]) {
      expect((await failure<HyperVError>(client.getVm(name))).code).toBe("VM_UNKNOWN");
    }
  });

  it("changes state at once or with a job", async () => {
    const { client, host } = await house();
    expect(await client.requestVmState(web01, "paused")).toBeUndefined();
    expect(host.machines.get(web01)?.state).toBe("paused");
    const job = await client.requestVmState(web01, "running");
    expect((await job?.wait({ interval: 5 }))?.state).toBe("completed");
  });

  it("defines a machine from settings or from a document, and removes it", async () => {
    const { client, host } = await house();
    const document = { format: "waybill-vm/1", text: '{"a":"<&]]>"}' };
    const { id } = await client.defineVm({ name: "db & <01>", memoryMiB: 511, processors: 4, document });
    expect(host.machines.get(id ?? "")).toMatchObject({
      name: "db & <01>",
      memoryMiB: 511,
      processors: 4,
      document,
    });
    await client.removeVm(id ?? "");
    expect(host.machines.has(id ?? "")).toBe(false);
    const refusal = await failure<HyperVError>(client.removeVm(id ?? ""));
    expect(refusal).toMatchObject({ code: "METHOD_REFUSED", returnValue: 32777 });
  });

  it("access denied arrives with 0x80070005, the host's code and its remedy", async () => {
    const { connect } = await house();
    const error = await failure<WsmanError>(connect("bob").requestVmState(web01, "off"));
    expect(error).toMatchObject({
      code: "ACCESS_DENIED",
      hresult: 0x80070005,
      remedy: "Add a group of bob's to the rule for this virtual machine.",
      message: "127.0.0.1: bob@LAB.TEST may not operate web01",
    });
    expect(error.fault).toMatchObject({ subcode: "AccessDenied", providerFault: { hresult: 0x80070005 } });
  });
});

describe("migrations", () => {
  it("carries every part of the request", async () => {
    const { client, host } = await house();
    const request = {
      ...move,
      type: "vmAndStorage",
      transport: "tcp",
      destinationAddresses: ["10.0.0.2", "fd00::2"],
      compression: false,
      retainSourceDisks: true,
      overwriteExistingFiles: false,
      cancelIfBlackoutExceeded: true,
      plannedVmId: web01,
      diskPaths: { root: "/new/root & more.qcow2" },
      networkNames: { nic0: "dmz" },
      options: {
        performance: "multifd",
        downtimeLimit: 300,
        bandwidthLimit: 1e9,
        autoConverge: true,
        postCopy: false,
        explain: true,
      },
    } as const;
    await client.migrate(request);
    expect(host.requests).toEqual([request]);
  });

  it("reports progress until the end", async () => {
    const { client } = await house();
    const job = await client.migrate(move);
    const seen: JobProgress[] = [];
    for await (const step of job.progress({ interval: 5 })) seen.push(step);
    expect(seen.map(({ job: now }) => now.percent)).toEqual([0, 40, 80, 100]);
    expect(seen.at(-1)?.job).toMatchObject({
      state: "completed",
      owner: "alice@LAB.TEST",
      elapsed: 1500,
      type: 305,
      migration: { vmId: web01, destinationHost: "kvm02.lab.test", type: "vm" },
    });
    expect(seen[1]?.migration).toMatchObject({
      phase: "precopy",
      memoryTotal: 2 ** 31,
      bytesPerSecond: 1.5e9,
      evidence: "ticket",
      explanation: ["alice's own ticket is forwardable", "cifs/kvm02 is in the list"],
    });
  });

  it("asks a host that answers when there is news once for each change, without pause", async () => {
    const { client, host } = await house();
    const job = await client.migrate(move);
    const looks: (number | undefined)[] = [];
    const [listJobs, progressOf] = [host.listJobs.bind(host), host.migrationProgress.bind(host)];
    let others = 0;
    host.listJobs = async () => {
      others++;
      return await listJobs();
    };
    host.migrationProgress = async (caller: HostCaller, id?: string, known?: number) => {
      looks.push(known);
      const [now] = await listJobs();
      return (await progressOf(caller, id)).map((one) => ({ ...one, revision: looks.length, job: now }));
    };
    const seen: JobProgress[] = [];
    for await (const step of job.progress({ interval: 60_000 })) seen.push(step);
    expect(seen.map(({ job: now }) => now.percent)).toEqual([0, 40, 80, 100]);
    expect(seen.at(-1)).toMatchObject({ job: { state: "completed" }, migration: { phase: "precopy" } });
    expect(looks).toEqual([undefined, 1, 2, 3]);
    expect(others).toBe(0);
  });

  it("another client goes on watching by the job's id", async () => {
    const { client, connect } = await house();
    const { id } = await client.migrate(move);
    client.close();
    const later = connect();
    expect((await later.listJobs()).map((job) => job.id)).toEqual([id]);
    expect((await later.job(id).wait({ interval: 5 })).state).toBe("completed");
  });

  it("takes up the job of a migration whose answer was lost on the way", async () => {
    const { client, host, connections } = await house();
    await client.listVms();
    const migrate = host.migrate.bind(host);
    host.migrate = async (caller, request) => {
      const outcome = await migrate(caller, request);
      connections.drop();
      return outcome;
    };
    const job = await client.migrate(move);
    expect([...host.jobs.keys()]).toEqual([job.id]);
    expect((await job.wait({ interval: 5 })).state).toBe("completed");
  });

  it("keeps watching through a restart of the host, and gives up when patience ends", async () => {
    const { client, connections, host } = await house();
    const job = await client.migrate(move);
    const seen: string[] = [];
    for await (const { job: now } of job.progress({ interval: 5 })) {
      seen.push(now.state);
      connections.drop();
    }
    expect(seen.at(-1)).toBe("completed");
    await client.listVms();
    const second = await client.migrate(move);
    connections.close();
    const error = await failure<WsmanError>(second.wait({ interval: 5, patience: 300 }));
    expect(error.code).toBe("WSMAN_UNREACHABLE");
    expect(host.jobs.get(second.id)?.state).toBe("running");
  });

  it("finds a job that is not a migration by its id as well", async () => {
    const { client, connect } = await house();
    const job = await client.requestVmState(web01, "running");
    expect(
      (
        await connect()
          .job(job?.id ?? "")
          .status()
      ).migration,
    ).toBeUndefined();
    expect((await failure<HyperVError>(client.job("nonsense").status())).code).toBe("JOB_UNKNOWN");
  });

  it("cancels", async () => {
    const { client } = await house();
    const job = await client.migrate(move);
    await job.cancel();
    const error = await failure<HyperVError>(job.wait({ interval: 5 }));
    expect(error).toMatchObject({ code: "JOB_CANCELLED", message: "cancelled by alice@LAB.TEST" });
  });

  it("a refused delegation arrives with both messages of Hyper-V, the code, the reason and the remedy", async () => {
    const { client, host } = await house();
    host.failNext = kerberosOnlyErrors;
    const job = await client.migrate(move);
    const error = await failure<HyperVError>(job.wait({ interval: 5 }));
    expect(error.hresult).toBe(0x8009030e);
    expect(error.code).toBe("EVIDENCE_NOT_FORWARDABLE");
    expect(error.message).toContain("No credentials are available in the security package (0x8009030E).");
    expect(error.message).toContain("failed to authenticate the connection for a Virtual Machine migration");
    expect(error.message).toContain("KVM01$ may delegate with Kerberos only");
    expect(error.remedy).toContain("any authentication protocol");
    expect(await job.errors()).toEqual(kerberosOnlyErrors);
  });

  it("waiting ends at its own deadline, the job goes on", async () => {
    const { client } = await house();
    const job = await client.migrate(move);
    const waiting = job.wait({ interval: 10_000, timeout: 50 });
    expect((await failure<HyperVError>(waiting)).code).toBe("DEADLINE_EXCEEDED");
    expect((await job.wait({ interval: 5 })).state).toBe("completed");
  });

  it("checks beforehand, check by check", async () => {
    const { client, host } = await house();
    const good = await client.checkMigratable(move);
    expect(good.migratable).toBe(true);
    expect(good.findings.map(({ check, severity }) => [check, severity])).toEqual([
      ["cpu-model", "ok"],
      ["delegation", "error"],
    ]);
    host.failNext = kerberosOnlyErrors;
    const bad = await client.checkMigratable(move);
    expect(bad.migratable).toBe(false);
    expect(bad.errors).toHaveLength(3);
  });
});

describe("settings and records", () => {
  it("reads and changes the migration settings, one at a time", async () => {
    const { client, host } = await house();
    expect(await client.migrationSettings()).toEqual(host.settings);
    await client.modifyMigrationSettings({ maximumMigrations: 5 });
    await client.modifyMigrationSettings({ performance: "multifd" });
    expect(host.settings).toMatchObject({
      maximumMigrations: 5,
      maximumStorageMigrations: 2,
      performance: "multifd",
    });
  });

  it("adds, changes and removes migration networks", async () => {
    const { client, host } = await house();
    await client.addMigrationNetworks([
      { subnet: "10.0.0.0", prefixLength: 24, metric: 20, tags: ["Waybill"] },
      { subnet: "fd00::", prefixLength: 64, metric: 10, tags: [] },
    ]);
    const [first, second] = await client.migrationNetworks();
    expect([first?.subnet, second?.subnet]).toEqual(["fd00::", "10.0.0.0"]);
    await client.modifyMigrationNetworks([{ ...first!, metric: 30 }]);
    expect((await client.migrationNetworks())[0]?.subnet).toBe("10.0.0.0");
    await client.removeMigrationNetworks([second?.id ?? ""]);
    expect(host.networks.map(({ subnet }) => subnet)).toEqual(["fd00::"]);
  });

  it("tells who the host takes the caller for, and the audit trail newest first", async () => {
    const { client, host } = await house();
    expect(await client.hostStatus()).toMatchObject({
      caller: "alice@LAB.TEST",
      callerRights: ["list", "move-out"],
    });
    const record = (id: string, time: number) => ({
      id,
      time,
      host: "kvm01",
      action: "move-out",
      outcome: "succeeded",
      person: "alice@LAB.TEST",
      assertedBy: "authentication-authority",
      vm: "web01",
      eventId: 20418,
    });
    host.audit = [record("1", 1000), record("2", 3000), { ...record("3", 2000), vm: "db01" }];
    const found = await client.auditRecords({ vm: "web01", since: 500 });
    expect(found.map(({ id }) => id)).toEqual(["2", "1"]);
    expect(host.lastAuditQuery).toEqual({ vm: "web01", person: undefined, since: 500 });
    expect(found[0]).toEqual({ ...record("2", 3000) });
  });
});
