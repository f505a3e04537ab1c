import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomInt, randomUUID } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sleep } from "@waybill/base";
import { HyperVClient } from "@waybill/hyperv";
import { testPassword } from "@waybill/kdc/testing";
import { type Credential, createInitiator, writeKeytab } from "@waybill/kerberos";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundle } from "../../../tools/bundle.mjs";
import { startController, type TestController } from "../../host/test/support/domain-controller.ts";

const address = `127.${randomInt(180, 199)}.${randomInt(1, 250)}.11`;
const source = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const modules = fileURLToPath(new URL("../../../node_modules", import.meta.url));
/** What this system does not need to come up. */
const masked = [
  "systemd-journal-flush",
  "systemd-tmpfiles-setup",
  "systemd-tmpfiles-setup-dev",
  "systemd-update-utmp",
].map((unit) => `systemd.mask=${unit}.service`);
const units = ["waybill-host.service", "waybill-listener.service"];

/** A whole system booted by systemd from this machine's files, with everything it writes in memory. */
describe("what host setup makes, under systemd", () => {
  let directory: string;
  let root: string;
  let controller: TestController;
  let machine: ChildProcess | undefined;
  let said = "";

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "wbu-"));
    root = join(directory, "root");
    for (const name of ["memory", "root"]) mkdirSync(join(directory, name));
    mustRun("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", join(directory, "memory"));
    for (const name of ["upper", "work"]) mkdirSync(join(directory, "memory", name), { mode: 0o755 });
    const layers = `lowerdir=/,upperdir=${directory}/memory/upper,workdir=${directory}/memory/work`;
    mustRun("mount", "-t", "overlay", "overlay", "-o", layers, root);
    await install();
    controller = await startController({
      groups: [{ name: "VM Operators" }],
      users: [{ name: "alice", password: testPassword, groups: ["VM Operators"] }],
      computers: [{ name: "KVM01", dnsHostName: "kvm01.lab.test" }],
    });
  });

  afterAll(async () => {
    machine?.kill("SIGTERM");
    if (machine !== undefined && machine.exitCode === null) {
      const ended = new Promise((resolve) => machine?.once("exit", resolve));
      await Promise.race([ended, sleep(30_000)]);
      machine.kill("SIGKILL");
    }
    await controller?.close();
    for (const name of ["root", "memory"]) spawnSync("umount", ["-l", join(directory, name)]);
    rmSync(directory, { recursive: true, force: true });
  });

  /** The command as a package would install it, with its own Node: home folders are closed to the units. */
  async function install(): Promise<void> {
    const place = join(root, "usr/lib/waybill");
    await bundle({ waybill: source }, place);
    copyFileSync(process.execPath, join(place, "node"));
    chmodSync(join(place, "node"), 0o755);
    for (const name of lmdbPackages())
      cpSync(join(modules, name), join(place, "node_modules", name), { recursive: true, dereference: true });
    const wrapper = '#!/bin/sh\nexec /usr/lib/waybill/node /usr/lib/waybill/waybill.mjs "$@"\n';
    writeFileSync(join(root, "usr/bin/waybill"), wrapper, { mode: 0o755 });
    mustRun("chmod", "-R", "a+rX", place);
  }

  test("setup makes users, folders, configuration and units, and overwrites nothing", () => {
    const setup = [
      "host",
      "setup",
      "--host",
      "kvm01.lab.test",
      "--realm",
      controller.domain.realm,
      "--root",
      root,
    ];
    const waybill = join(root, "usr/lib/waybill/waybill.mjs");
    expect(spawnSync(process.execPath, [waybill, ...setup], { encoding: "utf8" })).toMatchObject({
      status: 0,
      stderr: "",
      stdout: expect.stringContaining("waybill-qemu"),
    });
    const passwd = readFileSync(join(root, "etc/passwd"), "utf8");
    expect(passwd).toMatch(/^waybill-listener:.*nologin$/m);
    expect(passwd).toMatch(/^waybill-qemu:.*nologin$/m);
    expect(readFileSync("/etc/passwd", "utf8")).not.toContain("waybill-qemu");
    expect(spawnSync(process.execPath, [waybill, ...setup], { encoding: "utf8" }).stderr).toContain(
      "ALREADY_SET_UP",
    );
  });

  test("systemd-analyze finds nothing wrong with the units, and the listener well closed", () => {
    const places = units.map((unit) => join(root, "etc/systemd/system", unit));
    const verify = spawnSync("systemd-analyze", ["verify", "--man=no", `--root=${root}`, ...units], {
      encoding: "utf8",
    });
    const ours = verify.stderr.split("\n").filter((line) => line.includes("waybill"));
    expect({ ours, status: verify.status }).toEqual({ ours: [], status: 0 });
    const exposure = (path: string | undefined): number => {
      const { stdout } = spawnSync("systemd-analyze", ["security", "--offline=true", path ?? ""], {
        encoding: "utf8",
      });
      return Number(/Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1]);
    };
    expect(exposure(places[1])).toBeLessThan(2);
    // It is root, and starts QEMU as another user.
    expect(exposure(places[0])).toBeLessThan(8);
  });

  test("both services come up, each as its user; a machine runs, and outlives a restart of its host's service", async () => {
    await configure();
    boot();
    const tgt = await controller.domain.client.login({
      principal: controller.domain.principal("alice"),
      password: testPassword,
      forwardable: true,
    });
    const status = await eventually(async () => await ask(tgt, async (client) => await client.hostStatus()));
    expect(status).toMatchObject({ host: "kvm01.lab.test", caller: "alice@LAB.TEST" });
    expect(status.callerRights).toContain("define");

    const id = randomUUID();
    await ask(tgt, async (client) => {
      const definition = { name: "web01", uuid: id, memoryMiB: 16 };
      const document = { format: "waybill-vm/1", text: JSON.stringify(definition) };
      await client.defineVm({ name: "web01", id, document });
      await (await client.requestVmState(id, "running"))?.wait();
    });
    const before = processes();
    expect(before).toMatchObject({ service: { user: "root" }, listener: { user: "waybill-listener" } });
    expect(before.qemu?.user).toBe("waybill-qemu");

    expect(inside("systemctl", "restart", "waybill-host.service")).toMatchObject({ status: 0 });
    const [vm] = await eventually(async () => await ask(tgt, async (client) => await client.listVms()));
    expect(vm).toMatchObject({ name: "web01", state: "running" });
    const after = processes();
    expect(after.qemu?.pid).toBe(before.qemu?.pid);
    expect(after.service?.pid).not.toBe(before.service?.pid);

    // A service that is killed comes back by itself.
    process.kill(Number(after.service?.pid), "SIGKILL");
    await eventually(async () => {
      const { service } = processes();
      if (service === undefined || service.pid === after.service?.pid) throw new Error("not yet");
      return await ask(tgt, async (client) => await client.hostStatus());
    });
    expect(processes().qemu?.pid).toBe(before.qemu?.pid);
  });

  /** What an administrator does between setup and start. */
  async function configure(): Promise<void> {
    const { domain, ldap } = controller;
    const file = join(root, "etc/waybill/host.yaml");
    const yaml = readFileSync(file, "utf8").replace(
      "Hyper-V Administrators: []",
      "Hyper-V Administrators: [VM Operators]",
    );
    const own = [
      "krb5-conf: /etc/waybill/krb5.conf",
      `listen: {address: ${address}}`,
      `migration: {address: ${address}}`,
      `directory: ${JSON.stringify(ldap)}`,
      "accelerator: tcg",
    ];
    writeFileSync(file, `${yaml}${own.join("\n")}\n`);
    const kdc = `${domain.server?.host ?? ""}:${domain.server?.port ?? 0}`;
    writeFileSync(
      join(root, "etc/waybill/krb5.conf"),
      `[libdefaults]\n default_realm = ${domain.realm}\n[realms]\n ${domain.realm} = {\n  kdc = ${kdc}\n }\n`,
    );
    await writeKeytab(join(root, "etc/waybill/host.keytab"), domain.keytab("KVM01$"));
  }

  function boot(): void {
    const target =
      "[Unit]\nRequires=basic.target\nAfter=basic.target\nWants=waybill-host.service waybill-listener.service\n";
    writeFileSync(join(root, "etc/systemd/system/judge.target"), target);
    const args = [
      "--register=no",
      "--keep-unit",
      "--quiet",
      "-D",
      root,
      "-b",
      "systemd.unit=judge.target",
      ...masked,
    ];
    machine = spawn("systemd-nspawn", args, { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [machine.stdout, machine.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
  }

  /** The first process of the booted system. */
  function init(): string {
    const { stdout } = spawnSync("pgrep", ["-P", String(machine?.pid)], { encoding: "utf8" });
    return stdout.trim().split("\n")[0] ?? "";
  }

  function inside(...command: readonly string[]): ReturnType<typeof spawnSync> {
    return spawnSync("nsenter", ["-t", init(), "-m", "-p", "-u", "-i", "--", ...command], {
      encoding: "utf8",
    });
  }

  /** Ours among the processes of this machine, with the names that users have inside. */
  function processes(): Partial<Record<"service" | "listener" | "qemu", { pid: string; user: string }>> {
    const passwd = new Map(
      readFileSync(join(root, "etc/passwd"), "utf8")
        .split("\n")
        .map((line) => line.split(":"))
        .map(([name = "", , uid = ""]) => [uid, name] as const),
    );
    const { stdout } = spawnSync("ps", ["-eo", "pid=,uid=,args="], { encoding: "utf8" });
    const found: ReturnType<typeof processes> = {};
    for (const line of stdout.split("\n")) {
      const [, pid = "", uid = "", command = ""] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
      const is = { pid, user: passwd.get(uid) ?? uid };
      if (command.includes("waybill.mjs host service --config /etc/waybill")) found.service = is;
      if (command.includes("waybill.mjs host listener --config /etc/waybill")) found.listener = is;
      if (command.includes("-pidfile /run/waybill/vm/")) found.qemu = is;
    }
    return found;
  }

  async function eventually<T>(work: () => Promise<T>): Promise<T> {
    const end = Date.now() + 240_000;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (Date.now() > end || machine?.exitCode !== null) {
          const log = inside(
            "journalctl",
            "--no-pager",
            "-n",
            "40",
            "-u",
            "waybill-host",
            "-u",
            "waybill-listener",
          );
          throw new Error(`${String(error)}\n${String(log.stdout)}\n${said.slice(-3000)}`, { cause: error });
        }
        await sleep(250);
      }
    }
  }

  async function ask<T>(tgt: Credential, work: (client: HyperVClient) => Promise<T>): Promise<T> {
    const { domain } = controller;
    const server = domain.principal("WSMAN/kvm01.lab.test");
    const client = new HyperVClient({
      host: address,
      port: 5985,
      security: {
        scheme: "Negotiate",
        createContext: async () => {
          const initiator = createInitiator({ credential: await domain.client.getTicket({ tgt, server }) });
          const context = () => {
            if (initiator.context === undefined) throw new Error("no context yet");
            return initiator.context;
          };
          return {
            step: (token) => initiator.step(token),
            wrapWithHeader: (plain) => context().wrapWithHeader(plain),
            unwrapWithHeader: (header, payload) => context().unwrapWithHeader(header, payload),
          };
        },
      },
    });
    try {
      return await work(client);
    } finally {
      client.close();
    }
  }
});

/** lmdb is a native package, and these are what it needs. */
function lmdbPackages(): string[] {
  const found = new Set<string>();
  const follow = (name: string): void => {
    if (found.has(name)) return;
    let manifest: { dependencies?: Record<string, string>; optionalDependencies?: Record<string, string> };
    try {
      manifest = JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8"));
    } catch {
      return;
    }
    found.add(name);
    for (const next of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }))
      follow(next);
  };
  follow("lmdb");
  return [...found];
}

function mustRun(program: string, ...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${error?.message ?? stderr}`);
}
