import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { systemCode, WaybillError } from "@waybill/base";
import { migrationServiceClass } from "@waybill/host";
import { listenerUnit, serviceUnit } from "./host-units.ts";

export interface SetupOptions {
  /** Full DNS name. */
  readonly host: string;
  readonly realm: string;
  readonly config: string;
  readonly units: string;
  /** The system that is set up. */
  readonly root: string;
}

/** Whoever breaks the listener is this user, who owns nothing. */
const listenerUser = "waybill-listener";
/** Whoever breaks out of a guest is this one, who owns the guests' disks. */
const qemuUser = "waybill-qemu";

/**
 * Makes users and folders and writes configuration and units; overwrites nothing.
 *
 * @returns what was done and what is left to do, in lines.
 * @throws WaybillError ALREADY_SET_UP, FILE_UNWRITABLE, USER_NOT_CREATED
 */
export function setUpHost({ host, realm, config, units, root }: SetupOptions): string[] {
  const at = (path: string): string => (root === "/" ? path : join(root, path));
  // No secret is in it, and the listener, who is another user, reads it too.
  write(at(config), configuration(host, realm));
  write(at(`${units}/waybill-host.service`), serviceUnit(config));
  write(at(`${units}/waybill-listener.service`), listenerUnit(config, listenerUser));
  const made = [listenerUser, qemuUser].map(
    (user) => `${user} ${makeUser(user, root) ? "made" : "was there"}`,
  );
  folder(at("/var/lib/waybill"), 0o711);
  folder(at("/var/lib/waybill/host"), 0o700);
  folder(at("/var/lib/waybill/vm"), 0o750, userIn(root, qemuUser));
  const account = `${(host.split(".")[0] ?? "").toUpperCase()}$`;
  return [
    `Wrote ${config}, waybill-host.service and waybill-listener.service.`,
    `Users: ${made.join(", ")}. Folders: /var/lib/waybill/host, /var/lib/waybill/vm.`,
    "Next:",
    "  1. join the machine to the domain (adcli join) and export its keys to /etc/waybill/host.keytab, mode 0600",
    `  2. register the service name:  setspn -S "${migrationServiceClass}/${host}" ${account}`,
    `  3. say who may do what, in ${config}`,
    "  4. let TCP 5985 in from management stations, TCP 6600 and QEMU's ports in from the other hosts",
    "  5. waybill host check: keytab, sign-in, clock, service names, access list, QEMU",
    "  6. systemctl enable --now waybill-host waybill-listener",
  ];
}

function write(path: string, content: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content, { mode: 0o644, flag: "wx" });
  } catch (cause) {
    const exists = systemCode(cause) === "EEXIST";
    throw new WaybillError(exists ? `${path} is there already` : `cannot write ${path}`, {
      code: exists ? "ALREADY_SET_UP" : "FILE_UNWRITABLE",
      family: "environment",
      remedy: exists ? "Move it away to set up anew; nothing is overwritten." : "Run as root.",
      cause,
    });
  }
}

function folder(path: string, mode: number, owner?: { readonly uid: number; readonly gid: number }): void {
  try {
    mkdirSync(path, { recursive: true });
    chmodSync(path, mode);
    if (owner !== undefined) chownSync(path, owner.uid, owner.gid);
  } catch (cause) {
    throw new WaybillError(`cannot make ${path}`, {
      code: "FILE_UNWRITABLE",
      family: "environment",
      remedy: "Run as root.",
      cause,
    });
  }
}

/** Whether it had to be made. */
function makeUser(name: string, root: string): boolean {
  if (userIn(root, name) !== undefined) return false;
  const args = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"];
  const shell = ["--shell", "/usr/sbin/nologin"];
  const where = root === "/" ? [] : ["--prefix", root];
  const { status, stderr, error } = spawnSync("useradd", [...where, ...args, ...shell, name], {
    encoding: "utf8",
  });
  if (status === 0 && userIn(root, name) !== undefined) return true;
  throw new WaybillError(`the user ${name} could not be made: ${error?.message ?? stderr.trim()}`, {
    code: "USER_NOT_CREATED",
    family: "environment",
    remedy: `Run as root, or make it yourself: useradd --system ${name}.`,
  });
}

function userIn(root: string, name: string): { readonly uid: number; readonly gid: number } | undefined {
  let text: string;
  try {
    text = readFileSync(join(root, "etc/passwd"), "utf8");
  } catch {
    return undefined;
  }
  const fields = text.split("\n").map((line) => line.split(":"));
  const found = fields.find(([user]) => user === name);
  return found === undefined ? undefined : { uid: Number(found[2]), gid: Number(found[3]) };
}

function configuration(host: string, realm: string): string {
  return [
    `host: ${host}`,
    `realm: ${realm}`,
    "keytab: /etc/waybill/host.keytab",
    "state: /var/lib/waybill/host",
    "run: /run/waybill",
    `listener-user: ${listenerUser}`,
    `run-as: ${qemuUser}`,
    "storage: [/var/lib/waybill/vm]",
    "evidence: auto",
    "# Who may do what. Nothing is allowed that no rule allows. Names or SIDs of users and groups.",
    "access:",
    "  - who: [Hyper-V Administrators]",
    "    may: [list, operate, console, define, move-out, accept, configure, audit]",
    "groups:",
    "  Hyper-V Administrators: []   # of this host: add users and groups of the domain, such as VM Operators",
    "",
  ].join("\n");
}
