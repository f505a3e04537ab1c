import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { WaybillError } from "@waybill/base";
import { type DirectoryView, loadFromLdap, UserAccountControl } from "@waybill/directory";
import { type Keytab, NameType, readKeytab } from "@waybill/kerberos";
import { connectDirectory } from "../../session/connect-directory.ts";
import { readWorkstation } from "../../session/workstation.ts";
import { assetPath } from "../asset-path.ts";
import { startBackground } from "../background.ts";
import {
  type DirectoryChange,
  keepPassword,
  type LabDomain,
  labComputerSpns,
  labComputers,
  labOperators,
  labPeople,
  operatorsGroup,
  signInToLab,
  usualSettings,
} from "../lab-domain.ts";
import { fullLabName, type LabLayout, labAddress, labPaths, labRealm } from "../layout.ts";
import { notInstalled, provisionSamba, runSambaProgram } from "./provision.ts";
import { sambaConf } from "./samba-conf.ts";
import {
  aesOnly,
  resetOperations,
  type SambaOperation,
  sambaComputerSpns,
  sambaName,
  sambaOperations,
} from "./samba-operations.ts";

/** Debian's Samba modules belong to Debian's Python, not to another one that may come first. */
const python = "/usr/bin/python3";

/** The lab's domain on a real Samba AD domain controller; its people and computers are those of every lab. */
export class SambaLabDomain implements LabDomain {
  readonly kind = "samba";
  readonly profile = "samba-4.17";
  /** Samba knows no others. */
  readonly ports = { kdc: 88, kpasswd: 464, ldap: 389 };
  readonly layout: LabLayout;
  readonly #directory: string;

  private constructor(layout: LabLayout) {
    this.layout = layout;
    this.#directory = labPaths(layout).domain;
  }

  /** Provisions the domain and starts its controller. @throws WaybillError SAMBA_NEEDS_ROOT, SAMBA_NOT_INSTALLED, SAMBA_FAILED */
  static async create(layout: LabLayout): Promise<SambaLabDomain> {
    if (process.getuid?.() !== 0) throw needsRoot();
    const lab = new SambaLabDomain(layout);
    await provisionSamba(lab.#directory);
    await mkdir(join(lab.#directory, "run"), { recursive: true });
    await writeFile(lab.#smbConf, sambaConf(lab.#directory, labAddress(layout, "dc1")));
    await lab.#carryOut(foundingOperations(layout));
    await lab.#launch();
    return lab;
  }

  static open(layout: LabLayout): SambaLabDomain {
    return new SambaLabDomain(layout);
  }

  async close(): Promise<void> {}

  async operatorsSid(): Promise<string> {
    return (await this.#carryOut([{ op: "sid", name: operatorsGroup }])).trim();
  }

  async apply(change: DirectoryChange): Promise<void> {
    await this.#carryOut(sambaOperations(change));
  }

  async reset(): Promise<void> {
    await this.#carryOut(resetOperations());
  }

  /** The account's keys under its own name and all of its service names. */
  async keytab(account: string): Promise<Keytab> {
    const folder = await mkdtemp(join(this.#directory, "keytab-"));
    try {
      const file = join(folder, "keytab");
      await this.#carryOut([{ op: "keytab", file, principal: account }]);
      const { entries } = await readKeytab(file);
      const name = account.replace(/\$$/, "");
      const services = labComputerSpns(name).map((spn) => ({
        realm: labRealm,
        nameType: NameType.srvHst,
        components: spn.split("/"),
      }));
      const copies = services.flatMap((principal) => entries.map((entry) => ({ ...entry, principal })));
      return { entries: [...entries, ...copies] };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async view(): Promise<DirectoryView> {
    const { krb5Conf, workstationConfig } = labPaths(this.layout);
    const workstation = readWorkstation({ KRB5_CONFIG: krb5Conf, WAYBILL_CONFIG: workstationConfig });
    const ldap = await connectDirectory(await signInToLab(this, "Administrator", workstation), workstation);
    try {
      return (await loadFromLdap(ldap)).directory;
    } finally {
      ldap.close();
    }
  }

  get #smbConf(): string {
    return join(this.#directory, "smb.conf");
  }

  async #carryOut(operations: readonly SambaOperation[]): Promise<string> {
    const script = assetPath("samba/directory.py");
    const args = [script, this.#smbConf, join(this.#directory, "private")];
    return await runSambaProgram(python, args, JSON.stringify(operations));
  }

  async #launch(): Promise<void> {
    const args = ["-s", this.#smbConf, "-F", "--no-process-group", "-M", "single"];
    try {
      await startBackground(labPaths(this.layout).processes, "dc", { program: "samba", args });
    } catch (error) {
      throw error instanceof WaybillError ? error : notInstalled(error);
    }
  }
}

/** Everybody and everything of the lab, in a domain that has only what provisioning makes. */
function foundingOperations(layout: LabLayout): SambaOperation[] {
  const { normalAccount, workstationTrustAccount, dontExpirePassword, notDelegated } = UserAccountControl;
  const domain = labRealm.toLowerCase();
  const dc = ["ldap", "host", "GC"].flatMap((service) => [`${service}/dc1.${domain}`, `${service}/DC1`]);
  const people = Object.entries(labPeople).map(
    ([name, { sensitive = false }]): SambaOperation => ({
      op: "add",
      dn: `CN=${name},CN=Users`,
      attributes: {
        objectClass: "user",
        sAMAccountName: name,
        userPrincipalName: `${name}@${domain}`,
        userAccountControl: String(normalAccount | dontExpirePassword | (sensitive ? notDelegated : 0)),
        unicodePwd: keepPassword(layout, name),
      },
    }),
  );
  const computers = labComputers.map(
    (name): SambaOperation => ({
      op: "add",
      dn: `CN=${name},CN=Computers`,
      attributes: {
        objectClass: "computer",
        sAMAccountName: sambaName(name),
        dNSHostName: fullLabName(name.toLowerCase()),
        userAccountControl: String(workstationTrustAccount),
        unicodePwd: keepPassword(layout, sambaName(name)),
        "msDS-SupportedEncryptionTypes": aesOnly,
        servicePrincipalName: sambaComputerSpns(name),
      },
    }),
  );
  const shielded = Object.entries(labPeople).filter(([, traits]) => traits.protected === true);
  return [
    {
      op: "modify",
      name: "Administrator",
      attributes: { unicodePwd: keepPassword(layout, "Administrator") },
    },
    { op: "values", name: "DC1$", attribute: "servicePrincipalName", add: dc },
    {
      op: "add",
      dn: `CN=${operatorsGroup},CN=Users`,
      attributes: { objectClass: "group", sAMAccountName: operatorsGroup },
    },
    ...people,
    ...computers,
    { op: "member", group: operatorsGroup, names: labOperators, member: true },
    { op: "member", group: "Protected Users", names: shielded.map(([name]) => name), member: true },
    ...sambaOperations(usualSettings),
  ];
}

function needsRoot(): WaybillError {
  return new WaybillError("a Samba domain controller has to be started as root: its ports are below 1024", {
    code: "SAMBA_NEEDS_ROOT",
    family: "environment",
    remedy: "Say it with sudo, or take the embedded domain, which needs no root: waybill lab up.",
  });
}
