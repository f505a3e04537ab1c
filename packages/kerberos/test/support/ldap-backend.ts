import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { sleep } from "@waybill/base";
import { type Daemon, run, startDaemon } from "./processes.ts";

const suffix = "dc=kerberos";
const container = `cn=krbContainer,${suffix}`;
// The package krb5-kdc-ldap brings the schema as documentation.
const schemaFile = "/usr/share/doc/krb5-kdc-ldap/kerberos.schema.gz";

/**
 * OpenLDAP behind MIT's krb5kdc: the one of its databases that knows S4U2Proxy. Reached by a socket in the realm's
 * directory alone; root is who may write, by the kernel's word.
 */
export class LdapBackend {
  /** A `[dbmodules]` section for kdc.conf; the realm's own says `database_module = ldap`. */
  readonly config: string;
  readonly #realm: string;
  readonly #uri: string;
  readonly #daemon: Daemon;

  private constructor(realm: string, uri: string, daemon: Daemon) {
    this.#realm = realm;
    this.#uri = uri;
    this.#daemon = daemon;
    this.config = `[dbmodules]
  ldap = {
    db_library = kldap
    ldap_servers = ${uri}
    ldap_kerberos_container_dn = ${container}
    ldap_kdc_sasl_mech = EXTERNAL
    ldap_kadmind_sasl_mech = EXTERNAL
    ldap_conns_per_server = 2
    disable_last_success = true
    disable_lockout = true
  }
`;
  }

  static async start(realm: string, directory: string): Promise<LdapBackend> {
    const home = join(directory, "slapd");
    await mkdir(join(home, "db"), { recursive: true });
    const schema = join(home, "kerberos.schema");
    await writeFile(schema, gunzipSync(await readFile(schemaFile)));
    const config = [
      ...["core", "cosine", "inetorgperson"].map((name) => `include /etc/ldap/schema/${name}.schema`),
      `include ${schema}`,
      "modulepath /usr/lib/ldap",
      "moduleload back_mdb",
      "database mdb",
      `suffix ${suffix}`,
      "rootdn gidNumber=0+uidNumber=0,cn=peercred,cn=external,cn=auth",
      `directory ${join(home, "db")}`,
      "index objectClass,krbPrincipalName eq",
    ];
    const configFile = join(home, "slapd.conf");
    await writeFile(configFile, `${config.join("\n")}\n`);
    const uri = `ldapi://${encodeURIComponent(join(home, "socket"))}`;
    const log = join(home, "log");
    const daemon = startDaemon("slapd", ["-f", configFile, "-h", uri, "-d", "0"], { log });
    const backend = new LdapBackend(realm, uri, daemon);
    try {
      await backend.#fill();
      return backend;
    } catch (error) {
      await daemon.stop();
      throw error;
    }
  }

  async createRealm(env: Readonly<Record<string, string>>): Promise<void> {
    await run("kdb5_ldap_util", ["-r", this.#realm, "create", "-s", "-P", "master"], { env });
  }

  /** What kadmin cannot: the services that a principal may reach in others' names. */
  async allowDelegation(principal: string, targets: readonly string[]): Promise<void> {
    const dn = `krbPrincipalName=${principal}@${this.#realm},cn=${this.#realm},${container}`;
    const values = targets.map((target) => `krbAllowedToDelegateTo: ${target}@${this.#realm}`);
    const change = [`dn: ${dn}`, "changetype: modify", "add: krbAllowedToDelegateTo", ...values];
    await this.#ldap("ldapmodify", `${change.join("\n")}\n`);
  }

  get pid(): number {
    return this.#daemon.pid;
  }

  async stop(): Promise<void> {
    await this.#daemon.stop();
  }

  async #fill(): Promise<void> {
    const entry = `dn: ${suffix}\nobjectClass: domain\ndc: kerberos\n`;
    for (let tries = 0; ; tries++) {
      try {
        await this.#ldap("ldapadd", entry);
        return;
      } catch (error) {
        if (tries === 1200 || this.#daemon.hasExited) throw error;
        await sleep(50);
      }
    }
  }

  async #ldap(program: string, ldif: string): Promise<void> {
    await run(program, ["-Q", "-Y", "EXTERNAL", "-H", this.#uri], { input: ldif });
  }
}
