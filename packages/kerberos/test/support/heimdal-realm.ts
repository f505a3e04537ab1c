import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type HeimdalPrograms, heimdalPrograms } from "./heimdal-programs.ts";
import {
  type Daemon,
  loopbackAddress,
  makeFolder,
  removeFolder,
  run,
  startDaemon,
  waitForDatagrams,
  waitForPort,
} from "./processes.ts";

export interface HeimdalPrincipal {
  readonly name: string;
  /** Default: a random key. */
  readonly password?: string;
  /** Heimdal's attributes: `requires-pre-auth,trusted-for-delegation`, … */
  readonly attributes?: string;
  /** S4U2Proxy targets. */
  readonly delegateTo?: readonly string[];
}

export interface HeimdalRealmOptions {
  readonly realm?: string;
  readonly address?: string;
  readonly principals: readonly HeimdalPrincipal[];
}

/** A realm of Heimdal's kdc and kpasswdd on a loopback address of its own. */
export class HeimdalRealm {
  readonly realm: string;
  readonly address: string;
  readonly directory: string;
  /** KRB5_CONFIG: for Heimdal's programs. */
  readonly env: Readonly<Record<string, string>>;
  readonly #programs: HeimdalPrograms;
  readonly #daemons: Daemon[] = [];
  #keytabs = 0;

  private constructor(options: HeimdalRealmOptions, directory: string, programs: HeimdalPrograms) {
    this.realm = options.realm ?? "HEIMDAL.TEST";
    this.address = options.address ?? loopbackAddress();
    this.directory = directory;
    this.env = { KRB5_CONFIG: join(directory, "krb5.conf") };
    this.#programs = programs;
  }

  static async start(options: HeimdalRealmOptions): Promise<HeimdalRealm> {
    const programs = await heimdalPrograms();
    const realm = new HeimdalRealm(options, await makeFolder("waybill-heimdal-realm-"), programs);
    try {
      await realm.#create(options.principals);
      await realm.#launch();
      return realm;
    } catch (error) {
      await realm.stop();
      throw error;
    }
  }

  get pids(): number[] {
    return this.#daemons.map(({ pid }) => pid);
  }

  async kadmin(...args: readonly string[]): Promise<string> {
    const program = join(this.#programs.bin, "kadmin.heimdal");
    return await run(program, ["-l", "-r", this.realm, ...args], { env: this.env });
  }

  async exportKeytab(principal: string): Promise<string> {
    const file = join(this.directory, `keytab-${++this.#keytabs}`);
    await this.kadmin("ext_keytab", "-k", file, principal);
    return file;
  }

  async stop(): Promise<void> {
    for (const daemon of this.#daemons) await daemon.stop();
    await removeFolder(this.directory);
  }

  async #create(principals: readonly HeimdalPrincipal[]): Promise<void> {
    await writeFile(join(this.directory, "krb5.conf"), krb5Conf(this));
    await this.kadmin("init", "--realm-max-ticket-life=10h", "--realm-max-renewable-life=7d", this.realm);
    for (const { name, password, attributes, delegateTo = [] } of principals) {
      const key = password === undefined ? "--random-key" : `--password=${password}`;
      await this.kadmin(
        "add",
        "--use-defaults",
        key,
        ...(attributes ? [`--attributes=${attributes}`] : []),
        name,
      );
      const targets = delegateTo.map((target) => `--constrained-delegation=${target}`);
      if (targets.length > 0) await this.kadmin("modify", ...targets, name);
    }
  }

  async #launch(): Promise<void> {
    const start = (program: string, args: readonly string[]): Daemon => {
      const log = join(this.directory, `${program}.log`);
      const path = join(this.#programs.servers, program);
      const daemon = startDaemon(path, [`--addresses=${this.address}`, ...args], { env: this.env, log });
      this.#daemons.push(daemon);
      return daemon;
    };
    await waitForPort(
      this.address,
      88,
      start("kdc", ["--ports=88", `--config-file=${this.env.KRB5_CONFIG}`]),
    );
    await waitForDatagrams(this.address, 464, start("kpasswdd", [`--realm=${this.realm}`]));
  }
}

function krb5Conf({ realm, address, directory }: HeimdalRealm): string {
  return `[libdefaults]
  default_realm = ${realm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
[realms]
  ${realm} = {
    kdc = ${address}
    kpasswd_server = ${address}
  }
[kdc]
  enable-kerberos4 = false
  database = {
    dbname = ${directory}/heimdal
    realm = ${realm}
    mkey_file = ${directory}/m-key
    acl_file = ${directory}/acl
    log_file = ${directory}/database.log
  }
[kadmin]
  default_keys = aes256-cts-hmac-sha1-96:pw-salt aes128-cts-hmac-sha1-96:pw-salt aes256-cts-hmac-sha384-192:pw-salt aes128-cts-hmac-sha256-128:pw-salt
[logging]
  kdc = FILE:${directory}/kdc-messages
  kpasswdd = FILE:${directory}/kpasswdd-messages
`;
}
