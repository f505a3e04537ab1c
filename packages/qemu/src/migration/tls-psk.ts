import { createDiffieHellmanGroup, createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chown, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toHex } from "@waybill/base";
import type { VirtualMachine } from "../machine/virtual-machine.ts";
import { DefinitionError } from "../qmp-error.ts";

/** The secret of one migration, known to both ends and nobody else. */
export interface MigrationKey {
  /** Names the key in TLS; it travels in clear. Letters, digits, `.`, `_`, `-`. */
  readonly identity: string;
  /** 16 to 64 bytes. */
  readonly key: Uint8Array;
}

/**
 * TLS 1.3 with AES-128-GCM only. GnuTLS would choose ChaCha20 (an external PSK is bound to SHA-256, which
 * rules out AES-256-GCM), at a tenth of the speed on machines with AES instructions.
 */
export const tlsPriority = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM";

export interface TlsCredentialsOptions {
  readonly endpoint: "client" | "server";
  /** Where the folder with the key is made; memory-backed, so that no key ever reaches a disk. */
  readonly secretsRoot?: string | undefined;
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
}

/**
 * A `tls-creds-psk` object inside QEMU. The key goes through a file in a private folder, never through
 * arguments or QMP. A client reads it once, at creation; a server at every handshake, so its file stays until
 * {@link TlsCredentials.forgetKey}.
 */
export class TlsCredentials {
  readonly id: string;
  readonly #vm: VirtualMachine;
  readonly #directory: string;

  private constructor(vm: VirtualMachine, id: string, directory: string) {
    this.#vm = vm;
    this.id = id;
    this.#directory = directory;
  }

  static async create(
    vm: VirtualMachine,
    secret: MigrationKey,
    options: TlsCredentialsOptions,
  ): Promise<TlsCredentials> {
    checkKey(secret);
    const { endpoint, owner, secretsRoot = defaultSecretsRoot() } = options;
    const directory = await mkdtemp(join(secretsRoot, secretsPrefix(vm.directory, endpoint)));
    const credentials = new TlsCredentials(vm, `tls-${endpoint}`, directory);
    try {
      await writeFile(join(directory, "keys.psk"), `${secret.identity}:${toHex(secret.key)}\n`, {
        mode: 0o600,
      });
      // Without parameters on file QEMU computes some, for up to half a second.
      if (endpoint === "server")
        await writeFile(join(directory, "dh-params.pem"), dhParameters(), { mode: 0o600 });
      if (owner !== undefined)
        for (const path of ["keys.psk", ...(endpoint === "server" ? ["dh-params.pem"] : []), "."])
          await chown(join(directory, path), owner.uid, owner.gid);
      const object = {
        "qom-type": "tls-creds-psk",
        id: credentials.id,
        endpoint,
        dir: directory,
        priority: tlsPriority,
        ...(endpoint === "client" ? { username: secret.identity } : {}),
      };
      await vm.execute("object-add", object);
      if (endpoint === "client") await credentials.forgetKey();
      return credentials;
    } catch (error) {
      await credentials.forgetKey();
      throw error;
    }
  }

  /** Deletes the key's file: whoever has not shaken hands yet stays outside. */
  async forgetKey(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Removes the object from QEMU too, once nothing uses it. */
  async remove(): Promise<void> {
    await this.forgetKey();
    await this.#vm.execute("object-del", { id: this.id });
  }
}

/** Deletes key files that a process left behind when it died. `directory` is the machine's state directory. */
export async function sweepKeys(
  directory: string,
  endpoint: "client" | "server",
  secretsRoot: string = defaultSecretsRoot(),
): Promise<void> {
  for (const name of await readdir(secretsRoot).catch(() => []))
    if (name.startsWith(secretsPrefix(directory, endpoint)))
      await rm(join(secretsRoot, name), { recursive: true, force: true });
}

function secretsPrefix(directory: string, endpoint: "client" | "server"): string {
  const place = createHash("sha256").update(directory).digest("hex").slice(0, 16);
  return `waybill-tls-${place}-${endpoint}-`;
}

function defaultSecretsRoot(): string {
  return existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
}

function checkKey(secret: MigrationKey): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(secret.identity))
    throw new DefinitionError("a key's identity is at most 64 letters, digits, '.', '_' and '-'");
  if (secret.key.length < 16 || secret.key.length > 64)
    throw new DefinitionError(`a migration key has 16 to 64 bytes, not ${secret.key.length}`);
}

/** PKCS #3 DHParameter of the 2048-bit MODP group (RFC 3526, section 3). */
function dhParameters(): string {
  const group = createDiffieHellmanGroup("modp14");
  const body = Buffer.concat([derInteger(group.getPrime()), derInteger(group.getGenerator())]);
  const der = Buffer.concat([Buffer.from([0x30, 0x82, body.length >> 8, body.length & 0xff]), body]);
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN DH PARAMETERS-----", ...lines, "-----END DH PARAMETERS-----", ""].join("\n");
}

function derInteger(value: Buffer): Buffer {
  const body = (value[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), value]) : value;
  const length = body.length < 0x80 ? [body.length] : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([0x02, ...length]), body]);
}
