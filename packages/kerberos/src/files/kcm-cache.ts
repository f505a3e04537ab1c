/**
 * KCM: credentials held by a daemon (sssd-kcm, Heimdal's kcm) behind a Unix socket. Reading only.
 *
 * ```
 * request = uint32 length, 0x02 0x00, uint16 operation, parameters
 * reply   = uint32 length of what follows the next field, int32 transport status
 *           int32 status, results                       ; results only with a status of 0
 * ```
 *
 * Operations used, with parameters and results (names end in a zero octet; principals and credentials are as in
 * version 4 of the FILE format):
 *
 * ```
 * 20 GET_DEFAULT_CACHE   ()           → name
 *  8 GET_PRINCIPAL       (name)       → principal
 *  9 GET_CRED_UUID_LIST  (name)       → *16 octets
 * 10 GET_CRED_BY_UUID    (name, uuid) → credential
 * 22 GET_KDC_OFFSET      (name)       → int32 seconds
 * ```
 */
import { createConnection } from "node:net";
import { concatBytes, systemCode, utf8, withDeadline } from "@waybill/base";
import { KerberosError } from "../errors.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { CacheContents } from "./cache-contents.ts";
import { parseCacheCredential, parseCachePrincipal, splitEntries } from "./ccache-format.ts";
import type { CacheOptions, CredentialCache } from "./credential-cache.ts";
import { cacheNotFound } from "./memory-cache.ts";

/** Where sssd-kcm and Heimdal's kcm listen unless krb5.conf's `kcm_socket` says otherwise. */
export const defaultKcmSocket = "/var/run/.heim_org.h5l.kcm-socket";

const Operation = {
  getPrincipal: 8,
  getCredentialUuids: 9,
  getCredentialByUuid: 10,
  getDefaultCache: 20,
  getKdcOffset: 22,
} as const;

/** What MIT's client bounds replies to. */
const maxReply = 10 * 1024 * 1024;
const maxCredentials = 10_000;
/** KRB5_FCC_NOFILE and KRB5_CC_NOTFOUND of the com_err tables that every KCM daemon answers with. */
const absent: readonly number[] = [-1765328189, -1765328243];

/** A cache of the KCM daemon. Without a name it is the daemon's default one. */
export class KcmCache implements CredentialCache {
  readonly name: string;
  readonly #cache: string | undefined;
  readonly #socket: string;

  constructor(cache?: string, socket: string = defaultKcmSocket) {
    this.name = `KCM:${cache ?? ""}`;
    this.#cache = cache;
    this.#socket = socket;
  }

  async read(options: CacheOptions = {}): Promise<CacheContents> {
    const timeout = options.timeout ?? 5000;
    return await withDeadline(
      { what: `reading ${this.name}`, timeout, signal: options.signal },
      async (signal) => {
        const connection = new KcmConnection(this.name, this.#socket, signal);
        try {
          return await this.#readAll(connection);
        } finally {
          connection.close();
        }
      },
    );
  }

  write(): Promise<void> {
    return Promise.reject(readOnly(this.name));
  }

  add(): Promise<void> {
    return Promise.reject(readOnly(this.name));
  }

  destroy(): Promise<void> {
    return Promise.reject(readOnly(this.name));
  }

  async #readAll(connection: KcmConnection): Promise<CacheContents> {
    const name =
      this.#cache ?? zeroEnded(await connection.call(Operation.getDefaultCache, new Uint8Array(0)));
    const parameter = utf8(`${name}\0`);
    const principal = parseCachePrincipal(await connection.call(Operation.getPrincipal, parameter));
    const uuids = await connection.call(Operation.getCredentialUuids, parameter);
    if (uuids.remaining / 16 > maxCredentials) uuids.fail(`more than ${maxCredentials} credentials`);
    const all = [];
    while (uuids.remaining > 0) {
      const uuid = uuids.bytes(16);
      const credential = await connection.call(Operation.getCredentialByUuid, concatBytes(parameter, uuid));
      all.push(parseCacheCredential(credential, 4));
    }
    const offset = await connection.call(Operation.getKdcOffset, parameter).catch(noOffset);
    const kdcOffset = offset === undefined ? 0 : offset.int32() * 1000;
    return { principal, ...splitEntries(all), ...(kdcOffset === 0 ? {} : { kdcOffset }) };
  }
}

/** Not every daemon knows the operation. */
function noOffset(error: unknown): undefined {
  if (!(error instanceof KerberosError)) throw error;
}

/** One connection, one request at a time. */
class KcmConnection {
  readonly #name: string;
  readonly #socket: ReturnType<typeof createConnection>;
  readonly #signal: AbortSignal;
  #received: Uint8Array = new Uint8Array(0);
  #wake: (() => void) | undefined;
  #failure: KerberosError | undefined;

  constructor(name: string, path: string, signal: AbortSignal) {
    this.#name = name;
    this.#signal = signal;
    this.#socket = createConnection(path);
    this.#socket.on("data", (chunk: Buffer) => {
      this.#received = concatBytes(this.#received, chunk);
      this.#wake?.();
    });
    this.#socket.on("error", (error) => this.#fail(`${systemCode(error) ?? "error"} at ${path}`, error));
    this.#socket.on("close", () => this.#fail("the daemon closed the connection"));
    signal.addEventListener("abort", () => this.#fail("no answer in time"), { once: true });
  }

  async call(operation: number, parameters: Uint8Array): Promise<ByteReader> {
    const request = new ByteWriter().uint8(2).uint8(0).uint16(operation).bytes(parameters).finish();
    this.#socket.write(new ByteWriter().data32(request).finish());
    const header = await this.#receive(8);
    const view = new DataView(header.buffer, header.byteOffset);
    const length = view.getUint32(0);
    this.#check(operation, view.getInt32(4));
    if (length > maxReply) throw kcmFailed(this.#name, `a reply of ${length} octets`);
    const reply = new ByteReader(await this.#receive(length), { code: "KCM_FAILED", what: "the KCM reply" });
    this.#check(operation, reply.int32());
    return reply;
  }

  #check(operation: number, status: number): void {
    if (absent.includes(status)) throw cacheNotFound(this.#name);
    if (status !== 0) throw kcmFailed(this.#name, `operation ${operation} gave status ${status}`);
  }

  close(): void {
    this.#socket.destroy();
  }

  async #receive(length: number): Promise<Uint8Array> {
    while (this.#received.length < length) {
      if (this.#failure !== undefined) throw this.#failure;
      this.#signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const taken = this.#received.slice(0, length);
    this.#received = this.#received.slice(length);
    return taken;
  }

  #fail(reason: string, cause?: unknown): void {
    this.#failure ??= kcmFailed(this.#name, reason, cause);
    this.#wake?.();
  }
}

function zeroEnded(reply: ByteReader): string {
  return reply.text(reply.remaining).replace(/\0.*$/s, "");
}

function kcmFailed(name: string, reason: string, cause?: unknown): KerberosError {
  return new KerberosError(`the KCM daemon did not give ${name}: ${reason}`, {
    code: "KCM_FAILED",
    family: "environment",
    facts: { name, reason },
    remedy: "Check that the KCM daemon (sssd-kcm) runs, or use a FILE cache.",
    cause,
  });
}

function readOnly(name: string): KerberosError {
  return new KerberosError(`${name} is only read here`, {
    code: "CCACHE_READ_ONLY",
    family: "caller",
    remedy: "Log in with kinit, or use a FILE or DIR cache.",
  });
}
