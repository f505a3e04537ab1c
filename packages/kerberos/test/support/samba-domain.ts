import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { KerberosClient, NetworkTransport, staticLocator } from "../../src/index.ts";
import {
  type Daemon,
  loopbackAddress,
  makeFolder,
  removeFolder,
  run,
  startDaemon,
  waitForPort,
} from "./processes.ts";

/** One change to the directory; see samba-seed.py, and the lab's directory.py beneath it. */
export type SambaOperation =
  | { readonly op: "add"; readonly dn: string; readonly attributes: SambaAttributes }
  | { readonly op: "modify"; readonly name: string; readonly attributes: SambaAttributes }
  | {
      readonly op: "member";
      readonly group: string;
      readonly names: readonly string[];
      readonly member: boolean;
    }
  | { readonly op: "allow"; readonly name: string; readonly from: readonly string[] }
  | { readonly op: "dns"; readonly host: string; readonly address: string }
  | { readonly op: "keytab"; readonly file: string; readonly principal: string };
type SambaValue = string | { readonly base64: string };
export type SambaAttributes = Readonly<Record<string, SambaValue | readonly SambaValue[]>>;

export interface SambaDomainOptions {
  /** Default: LAB.TEST */
  readonly realm?: string;
  /** Default: an own loopback address. */
  readonly address?: string;
  /** Default: what Kerberos and LDAP need. `s3fs` and `winbindd` may be added. */
  readonly services?: string;
  /** Default: `single`, one process. */
  readonly model?: "single" | "standard" | "prefork";
  /** Lines for smb.conf's [global]. */
  readonly config?: string;
  readonly seed?: readonly SambaOperation[];
}

const python = "/usr/bin/python3";
const seedScript = fileURLToPath(new URL("samba-seed.py", import.meta.url));
const defaultServices = "rpc, ldap, cldap, kdc, dns";

/**
 * A real Active Directory domain controller: Samba, on a loopback address of its own, as root. Provisioning is done
 * once per machine and realm and then copied, so a domain starts in about two seconds.
 */
export class SambaDomain {
  readonly realm: string;
  /** The DNS domain, in lower case. */
  readonly domain: string;
  readonly address: string;
  readonly directory: string;
  readonly administratorPassword = "Passw0rd.Admin";
  /** A krb5.conf that names only this domain: for KRB5_CONFIG. */
  readonly krb5Conf: string;
  /** The certificate authority of LDAPS and StartTLS, PEM. */
  readonly caFile: string;
  readonly smbConf: string;
  #daemon: Daemon | undefined;
  #keytabs = 0;

  private constructor(options: SambaDomainOptions, directory: string) {
    this.realm = options.realm ?? "LAB.TEST";
    this.domain = this.realm.toLowerCase();
    this.address = options.address ?? loopbackAddress();
    this.directory = directory;
    this.krb5Conf = join(directory, "krb5.conf");
    this.smbConf = join(directory, "smb.conf");
    this.caFile = join(directory, "tls.crt");
  }

  static async start(options: SambaDomainOptions = {}): Promise<SambaDomain> {
    const template = await provisioned(options.realm ?? "LAB.TEST");
    const directory = await makeFolder("waybill-samba-");
    const domain = new SambaDomain(options, directory);
    try {
      await run("cp", ["-a", "--sparse=always", `${template}/.`, directory]);
      await domain.#configure(options);
      const ldapSpns = ["ldap", "GC", "cifs", "host"].flatMap((service) =>
        ["dc1", `dc1.${domain.domain}`, domain.address].map((host) => `${service}/${host}`),
      );
      await domain.apply([
        { op: "dns", host: "dc1", address: domain.address },
        { op: "modify", name: "DC1$", attributes: { servicePrincipalName: ldapSpns } },
        ...(options.seed ?? []),
      ]);
      await domain.#launch(options.model ?? "single");
      return domain;
    } catch (error) {
      await domain.stop();
      throw error;
    }
  }

  /** Changes the directory; a running server sees it at once. */
  async apply(operations: readonly SambaOperation[]): Promise<void> {
    const input = JSON.stringify(operations);
    await run(python, [seedScript, this.smbConf, join(this.directory, "private")], { input });
  }

  /** Exports the keys of principals (`KVM01$`, `host/kvm01.lab.test`) into a new keytab and gives its path. */
  async exportKeytab(...principals: readonly string[]): Promise<string> {
    const file = join(this.directory, `keytab-${++this.#keytabs}`);
    await this.apply(principals.map((principal) => ({ op: "keytab", file, principal }) as const));
    return file;
  }

  /** A client that knows this domain's KDC and nobody else's. @param way `udp/` or `tcp/` alone; both unless given. */
  newClient(way: "" | "udp/" | "tcp/" = ""): KerberosClient {
    const place = [`${way}${this.address}`];
    const locator = staticLocator({ [this.realm]: { kdc: place, kpasswd: place } });
    return new KerberosClient({ transport: new NetworkTransport({ locator }) });
  }

  /** With the model `single` all that there is. */
  get pids(): number[] {
    return this.#daemon === undefined ? [] : [this.#daemon.pid];
  }

  /** What the server has logged so far. */
  get logFile(): string {
    return join(this.directory, "samba.log");
  }

  async stop(): Promise<void> {
    await this.#daemon?.stop();
    await removeFolder(this.directory);
  }

  async #configure(options: SambaDomainOptions): Promise<void> {
    const { directory, address, realm, domain } = this;
    await mkdir(join(directory, "run"), { recursive: true });
    await writeFile(this.smbConf, smbConf(this, options));
    await writeFile(this.krb5Conf, krb5Conf({ realm, domain, address }));
    const names = `DNS:dc1.${domain},DNS:dc1,IP:${address}`;
    const subject = ["-subj", `/CN=dc1.${domain}`, "-addext", `subjectAltName=${names}`];
    const key = [
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-keyout",
      join(directory, "tls.key"),
    ];
    await run("openssl", ["req", "-x509", "-days", "2", ...key, ...subject, "-out", this.caFile]);
  }

  async #launch(model: string): Promise<void> {
    await mkdir("/run/samba", { recursive: true });
    // A private /run/samba: the winbind client library inside smbd knows no other place.
    const script = 'mount -t tmpfs none /run/samba && exec samba -s "$1" -F --no-process-group -M "$2"';
    const daemon = startDaemon("unshare", ["-m", "sh", "-c", script, "samba", this.smbConf, model], {
      env: { KRB5_CONFIG: this.krb5Conf },
      log: join(this.directory, "stdout.log"),
    });
    this.#daemon = daemon;
    for (const port of [88, 389, 464, 636]) await waitForPort(this.address, port, daemon);
  }
}

/** A krb5.conf for one realm whose KDC is at one address. */
export function krb5Conf(at: {
  readonly realm: string;
  readonly domain: string;
  readonly address: string;
  readonly port?: number;
}): string {
  const port = at.port ?? 88;
  return `[libdefaults]
  default_realm = ${at.realm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  forwardable = true
[realms]
  ${at.realm} = {
    kdc = ${at.address}:${port}
    kpasswd_server = ${at.address}:464
    admin_server = ${at.address}
  }
[domain_realm]
  .${at.domain} = ${at.realm}
  ${at.domain} = ${at.realm}
`;
}

function smbConf(at: SambaDomain, options: SambaDomainOptions): string {
  const { directory, realm, domain, address } = at;
  return `[global]
  netbios name = DC1
  realm = ${realm}
  workgroup = ${realm.split(".")[0]}
  server role = active directory domain controller
  server services = ${options.services ?? defaultServices}
  interfaces = ${address}/8
  bind interfaces only = yes
  dns forwarder =
  disable netbios = yes
  smb ports = 445
  log level = 1 kerberos:3
  log file = ${directory}/samba.log
  logging = file
  max log size = 0
  private dir = ${directory}/private
  state directory = ${directory}/state
  cache directory = ${directory}/cache
  lock directory = ${directory}
  binddns dir = ${directory}/bind-dns
  pid directory = ${directory}/run
  ncalrpc dir = ${directory}/run/ncalrpc
  ntp signd socket directory = ${directory}/run/ntp_signd
  load printers = no
  printing = bsd
  disable spoolss = yes
  tls enabled = yes
  tls keyfile = ${directory}/tls.key
  tls certfile = ${directory}/tls.crt
  tls cafile = ${directory}/tls.crt
${options.config ?? ""}
[sysvol]
  path = ${directory}/state/sysvol
  read only = No
[netlogon]
  path = ${directory}/state/sysvol/${domain}/scripts
  read only = No
`;
}

/** A provisioned domain nobody runs, to copy from. Two that make it at once do not disturb each other. */
async function provisioned(realm: string): Promise<string> {
  const recipe = createHash("sha256").update(`1 ${realm}`).digest("hex").slice(0, 12);
  const template = join(tmpdir(), `waybill-samba-template-${recipe}`);
  if (existsSync(template)) return template;
  const draft = await mkdtemp(join(tmpdir(), "waybill-samba-draft-"));
  const base = join(draft, "base.conf");
  // Without a configuration of its own, provisioning takes over the machine's name server and addresses.
  await writeFile(base, "[global]\n  interfaces = 127.0.0.1/8\n  bind interfaces only = yes\n");
  const options = {
    realm,
    domain: realm.split(".")[0] ?? realm,
    "server-role": "dc",
    "dns-backend": "SAMBA_INTERNAL",
    adminpass: "Passw0rd.Admin",
    "host-name": "dc1",
    "host-ip": "127.0.0.1",
    targetdir: draft,
  };
  const args = Object.entries(options).map(([name, text]) => `--${name}=${text}`);
  await run("samba-tool", ["domain", "provision", "-q", "-s", base, ...args], { timeout: 300_000 });
  try {
    await rename(draft, template);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!existsSync(template)) throw error;
  }
  return template;
}
