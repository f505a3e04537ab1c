import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Daemon,
  loopbackAddress,
  makeFolder,
  removeFolder,
  run,
  startDaemon,
  waitForPort,
} from "../../../kerberos/test/support/processes.ts";
import type { SambaDomain } from "../../../kerberos/test/support/samba-domain.ts";

/** A second controller of a Samba domain, joined to it. It has no replication service: it changes only when told to. */
export class SambaSecondController {
  readonly address: string;
  readonly #domain: SambaDomain;
  readonly #directory: string;
  #daemon: Daemon | undefined;

  private constructor(domain: SambaDomain, directory: string) {
    this.#domain = domain;
    this.#directory = directory;
    this.address = loopbackAddress();
  }

  static async join(domain: SambaDomain): Promise<SambaSecondController> {
    const second = new SambaSecondController(domain, await makeFolder("waybill-dc2-"));
    try {
      await second.#join();
      await second.#launch();
      return second;
    } catch (error) {
      await second.stop();
      throw error;
    }
  }

  /** Fetches what the first controller has, as `samba-tool drs replicate` does. */
  async replicate(): Promise<void> {
    const replicate = "exec samba-tool drs replicate dc2.lab.test dc1.lab.test DC=lab,DC=test --local";
    await this.#withNames(
      `${replicate} --use-krb5-ccache='${this.#path("cc")}' -s '${this.#path("smb.conf")}'`,
    );
  }

  async stop(): Promise<void> {
    await this.#daemon?.stop();
    await removeFolder(this.#directory);
  }

  async #join(): Promise<void> {
    const { krb5Conf, administratorPassword, realm } = this.#domain;
    await writeFile(
      this.#path("hosts"),
      `127.0.0.1 localhost\n${this.#domain.address} dc1.lab.test dc1\n${this.address} dc2.lab.test dc2\n`,
    );
    await writeFile(this.#path("resolv.conf"), `nameserver ${this.#domain.address}\n`);
    await writeFile(
      this.#path("smb.conf"),
      this.#conf(`realm = ${realm}\n  workgroup = ${realm.split(".")[0]}`),
    );
    await run("kinit", ["-c", this.#path("cc"), "Administrator"], {
      env: { KRB5_CONFIG: krb5Conf },
      input: `${administratorPassword}\n`,
    });
    const how = `--server=dc1.lab.test --use-krb5-ccache='${this.#path("cc")}' --dns-backend=SAMBA_INTERNAL`;
    await this.#withNames(
      `exec samba-tool domain join lab.test DC ${how} -s '${this.#path("smb.conf")}' --targetdir='${this.#directory}/dc'`,
    );
  }

  async #launch(): Promise<void> {
    const { realm, caFile, directory } = this.#domain;
    await mkdir(this.#path("run"), { recursive: true });
    const dc = this.#path("dc");
    const global = `realm = ${realm}
  workgroup = ${realm.split(".")[0]}
  server role = active directory domain controller
  server services = rpc, ldap, cldap, kdc
  private dir = ${dc}/private
  state directory = ${dc}/state
  cache directory = ${dc}/cache
  lock directory = ${dc}
  binddns dir = ${dc}/bind-dns
  pid directory = ${this.#path("run")}
  ncalrpc dir = ${this.#path("run")}/ncalrpc
  ntp signd socket directory = ${this.#path("run")}
  log file = ${this.#path("samba.log")}
  tls keyfile = ${directory}/tls.key
  tls certfile = ${directory}/tls.crt
  tls cafile = ${caFile}`;
    await writeFile(this.#path("smb.conf"), this.#conf(global));
    const script = 'mount -t tmpfs none /run/samba && exec samba -s "$1" -F --no-process-group -M single';
    const daemon = startDaemon("unshare", ["-m", "sh", "-c", script, "samba", this.#path("smb.conf")], {
      env: { KRB5_CONFIG: this.#domain.krb5Conf },
      log: this.#path("stdout.log"),
    });
    this.#daemon = daemon;
    for (const port of [88, 389, 636]) await waitForPort(this.address, port, daemon);
  }

  #conf(global: string): string {
    return `[global]
  netbios name = DC2
  ${global}
  interfaces = ${this.address}/8
  bind interfaces only = yes
  disable netbios = yes
`;
  }

  /** In a mount namespace in which both controllers have addresses. */
  async #withNames(command: string): Promise<void> {
    const binds = ["hosts", "resolv.conf"].map((name) => `mount --bind '${this.#path(name)}' /etc/${name}`);
    await run("unshare", ["-m", "sh", "-c", [...binds, command].join(" && ")], {
      env: { KRB5_CONFIG: this.#domain.krb5Conf },
      timeout: 400_000,
    });
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }
}
