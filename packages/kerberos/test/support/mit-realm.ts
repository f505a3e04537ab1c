import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LdapBackend } from "./ldap-backend.ts";
import {
  type Daemon,
  loopbackAddress,
  makeFolder,
  removeFolder,
  run,
  startDaemon,
  waitForPort,
} from "./processes.ts";

export interface MitPrincipal {
  /** With or without a realm; another realm's name makes a cross-realm principal. */
  readonly name: string;
  /** Default: a random key. */
  readonly password?: string;
  /** kadmin's attributes: `+requires_preauth`, `+ok_to_auth_as_delegate`, … */
  readonly attributes?: string;
  /** As `-e` takes them. Default: `aes256-cts,aes128-cts`. */
  readonly enctypes?: string;
}

export interface MitRealmOptions {
  /** Default: MIT.TEST */
  readonly realm?: string;
  /** Default: an own loopback address. */
  readonly address?: string;
  readonly principals: readonly MitPrincipal[];
  /** Start kadmind too, for password changes. */
  readonly kadmind?: boolean;
  /** Lines for the realm's section of kdc.conf; they outweigh the fixture's own. */
  readonly config?: string;
  /** Keep the database in OpenLDAP, which is what MIT's S4U2Proxy needs. */
  readonly ldap?: boolean;
}

/** A realm of MIT's krb5kdc with a database of its own, on port 88 of a loopback address of its own. */
export class MitRealm {
  readonly realm: string;
  readonly address: string;
  readonly directory: string;
  /** KRB5_CONFIG and KRB5_KDC_PROFILE: for MIT's programs. */
  readonly env: Readonly<Record<string, string>>;
  /** Where `kcmDirectory` stands for /run, Heimdal's KCM daemon listens here; krb5.conf says so. */
  readonly kcmSocket: string;
  readonly kcmDirectory: string;
  readonly #daemons: Daemon[] = [];
  #ldap: LdapBackend | undefined;
  #keytabs = 0;

  private constructor(realm: string, address: string, directory: string) {
    this.realm = realm;
    this.address = address;
    this.directory = directory;
    this.kcmDirectory = join(directory, "run");
    this.kcmSocket = join(this.kcmDirectory, ".heim_org.h5l.kcm-socket");
    this.env = { KRB5_CONFIG: join(directory, "krb5.conf"), KRB5_KDC_PROFILE: join(directory, "kdc.conf") };
  }

  static async start(options: MitRealmOptions): Promise<MitRealm> {
    const directory = await makeFolder("waybill-mit-");
    const realm = new MitRealm(options.realm ?? "MIT.TEST", options.address ?? loopbackAddress(), directory);
    try {
      await realm.#create(options);
      await realm.#launch(options.kadmind ?? false);
      return realm;
    } catch (error) {
      await realm.stop();
      throw error;
    }
  }

  /** Every process that answers: krb5kdc, and slapd behind it. */
  get pids(): number[] {
    const ldap = this.#ldap === undefined ? [] : [this.#ldap.pid];
    return [...this.#daemons.map(({ pid }) => pid), ...ldap];
  }

  /** Runs kadmin.local's commands, one a line. */
  async kadmin(...commands: readonly string[]): Promise<string> {
    return await run("kadmin.local", ["-r", this.realm], {
      env: this.env,
      input: `${commands.join("\n")}\n`,
    });
  }

  /** Writes the keys of principals into a new keytab, without changing them, and gives its path. */
  async exportKeytab(...principals: readonly string[]): Promise<string> {
    const file = join(this.directory, `keytab-${++this.#keytabs}`);
    await this.kadmin(...principals.map((name) => `ktadd -q -norandkey -k ${file} ${name}`));
    return file;
  }

  /** With `ldap`: the services that a principal may reach in others' names. */
  async allowDelegation(principal: string, targets: readonly string[]): Promise<void> {
    await this.#ldap?.allowDelegation(principal, targets);
  }

  async stop(): Promise<void> {
    for (const daemon of this.#daemons) await daemon.stop();
    await this.#ldap?.stop();
    await removeFolder(this.directory);
  }

  async #create({ principals, config = "", ldap = false }: MitRealmOptions): Promise<void> {
    const { realm, address, directory, env } = this;
    await mkdir(this.kcmDirectory);
    await writeFile(join(directory, "krb5.conf"), krb5Conf(realm, address, this.kcmSocket));
    this.#ldap = ldap ? await LdapBackend.start(realm, directory) : undefined;
    const database = this.#ldap === undefined ? "" : "    database_module = ldap";
    const kdc = kdcConf(realm, address, directory, `${database}\n${config}`);
    await writeFile(join(directory, "kdc.conf"), `${kdc}${this.#ldap?.config ?? ""}`);
    await writeFile(join(directory, "acl"), "*/admin *\n");
    if (this.#ldap === undefined)
      await run("kdb5_util", ["-r", realm, "create", "-s", "-P", "master"], { env });
    else await this.#ldap.createRealm(env);
    await this.kadmin(...principals.map(addCommand));
  }

  async #launch(withKadmind: boolean): Promise<void> {
    const start = (program: string, args: readonly string[]): Daemon => {
      const log = join(this.directory, `${program}.log`);
      const daemon = startDaemon(program, ["-r", this.realm, ...args], { env: this.env, log });
      this.#daemons.push(daemon);
      return daemon;
    };
    await waitForPort(this.address, 88, start("krb5kdc", ["-n"]));
    if (withKadmind) await waitForPort(this.address, 464, start("kadmind", ["-nofork"]));
  }
}

function addCommand({
  name,
  password,
  attributes = "",
  enctypes = "aes256-cts,aes128-cts",
}: MitPrincipal): string {
  const key = password === undefined ? "-randkey" : `-pw "${password}"`;
  return `addprinc ${key} -e ${enctypes.replaceAll(",", ":normal,")}:normal ${attributes} ${name}`;
}

function krb5Conf(realm: string, address: string, kcmSocket: string): string {
  return `[libdefaults]
  default_realm = ${realm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  allow_weak_crypto = true
  allow_rc4 = true
  kcm_socket = ${kcmSocket}
  permitted_enctypes = aes256-cts aes128-cts aes256-sha2 aes128-sha2 rc4-hmac
[realms]
  ${realm} = {
    kdc = ${address}
    admin_server = ${address}
    kpasswd_server = ${address}
  }
[domain_realm]
  .${realm.toLowerCase()} = ${realm}
`;
}

function kdcConf(realm: string, address: string, directory: string, config: string): string {
  return `[kdcdefaults]
  kdc_listen = ${address}:88
  kdc_tcp_listen = ${address}:88
[realms]
  ${realm} = {
    database_name = ${directory}/principal
    key_stash_file = ${directory}/stash
    acl_file = ${directory}/acl
    kadmind_listen = ${address}:749
    kpasswd_listen = ${address}:464
    supported_enctypes = aes256-cts:normal aes128-cts:normal
    max_life = 10h
    max_renewable_life = 7d
    disable_last_success = true
    disable_lockout = true
${config}
  }
`;
}
