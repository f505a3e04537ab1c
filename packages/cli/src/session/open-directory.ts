import { open } from "node:fs/promises";
import { systemCode, WaybillError } from "@waybill/base";
import { type LoadedDirectory, loadFromLdap, loadFromLdif } from "@waybill/directory";
import { type KdcProfileName, kdcProfiles } from "@waybill/kdc";
import type { Credential } from "@waybill/kerberos";
import type { LdapClient } from "@waybill/ldap";
import { connectDirectory } from "./connect-directory.ts";
import { currentLogin } from "./login.ts";
import { type DirectoryAddress, readWorkstation, type Workstation } from "./workstation.ts";

export interface DirectorySource {
  /** LDIF export; `-` for standard input. Otherwise a domain controller is asked with the signed-in person's ticket. */
  readonly ldif?: string | undefined;
  /** `dc1.lab.test` or `dc1.lab.test:389`, instead of the one found. */
  readonly controller?: string | undefined;
  /** Name of the domain, when an export holds several. */
  readonly domain?: string | undefined;
  readonly profile?: KdcProfileName | undefined;
}

export interface OpenDirectory extends LoadedDirectory {
  /** File or server it was read from. */
  readonly readFrom: string;
  readonly profile: KdcProfileName;
  /** Absent for an export. */
  readonly ldap: LdapClient | undefined;
  /** Whoever is signed in, when a server was asked. */
  readonly session: Session | undefined;
  /** sAMAccountName of who is signed in. */
  readonly who: string | undefined;
}

/** Somebody who is signed in at a workstation. */
export interface Session {
  readonly workstation: Workstation;
  readonly tgt: Credential;
}

/** Reads a whole directory for the doctor, uses it, and closes the connection. */
export async function withDirectory<T>(
  source: DirectorySource,
  use: (directory: OpenDirectory) => Promise<T>,
): Promise<T> {
  if (source.ldif !== undefined) return await use(await fromLdif(source.ldif, source));
  const workstation = atController(readWorkstation(), source.controller);
  const tgt = await currentLogin(workstation);
  const ldap = await connectDirectory(tgt, workstation, { timeout: 60_000 });
  try {
    const loaded = await loadFromLdap(ldap);
    return await use({
      ...loaded,
      readFrom: ldap.server,
      profile: source.profile ?? (await profileOf(ldap)),
      ldap,
      session: { workstation, tgt },
      who: tgt.client.components[0],
    });
  } finally {
    ldap.close();
  }
}

async function fromLdif(file: string, source: DirectorySource): Promise<OpenDirectory> {
  try {
    const loaded = await loadFromLdif(file === "-" ? process.stdin : piecesOf(file), {
      dnsName: source.domain,
    });
    return {
      ...loaded,
      readFrom: file === "-" ? "standard input" : file,
      profile: source.profile ?? "active-directory",
      ldap: undefined,
      session: undefined,
      who: undefined,
    };
  } catch (error) {
    const code = systemCode(error);
    if (error instanceof WaybillError || code === undefined) throw error;
    throw new WaybillError(`${file} cannot be read: ${code}`, {
      code: "SOURCE_UNREADABLE",
      family: "caller",
      remedy: "Name an LDIF file, as ldifde, ldapsearch or waybill dc export write it.",
      cause: error,
    });
  }
}

function atController(workstation: Workstation, controller: string | undefined): Workstation {
  return controller === undefined
    ? workstation
    : { ...workstation, directory: controllerAddress(workstation, controller) };
}

/** Where a controller is: as the workstation's file says, or by its name, with a port if need be. */
export function controllerAddress({ directories }: Workstation, controller: string): DirectoryAddress {
  const known = directories.find(({ name }) => name.toLowerCase() === controller.toLowerCase());
  if (known !== undefined) return known;
  const [, name = controller, port] = /^(.*?)(?::(\d{1,5}))?$/.exec(controller) ?? [];
  return { address: name, port: Number(port ?? 389), name };
}

/** Samba says who it is; everything else decides as Active Directory does. */
export async function profileOf(ldap: LdapClient): Promise<KdcProfileName> {
  const root = await ldap.rootDse(["vendorName", "vendorVersion"]);
  const vendor = `${root.text("vendorName") ?? ""} ${root.text("vendorVersion") ?? ""}`;
  return /samba/i.test(vendor) ? "samba-4.17" : "active-directory";
}

export const profileNames = Object.keys(kdcProfiles) as KdcProfileName[];

/** A file in pieces that lie in one place after the other: exports are large, and every piece is used at once. */
async function* piecesOf(file: string): AsyncGenerator<Uint8Array> {
  const handle = await open(file);
  const buffer = new Uint8Array(256 * 1024);
  try {
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}
