import { TLSSocket } from "node:tls";
import { fromUtf8 } from "@waybill/base";
import { encodeControls } from "../controls/request-controls.ts";
import { type LdapAttribute, LdapEntry } from "../entry.ts";
import { LdapConnectionError } from "../errors.ts";
import { parseFilter } from "../filter/parse-filter.ts";
import type { ProtocolOp } from "../messages/ldap-message.ts";
import { ExtensionOid } from "../registry/oids.ts";
import { ResultCode } from "../registry/result-codes.ts";
import { channelBindings } from "../sasl/channel-binding.ts";
import { SaslInitiator } from "../sasl/sasl-initiator.ts";
import type {
  ChangeInput,
  LdapConnectOptions,
  OperationOptions,
  SaslBindOptions,
  SearchOptions,
  ValueInput,
} from "./client-options.ts";
import { isSuccess, LdapConnection, toLdapError } from "./ldap-connection.ts";
import {
  formatAddress,
  type LdapAddress,
  type LdapTlsOptions,
  openSocket,
  parseLdapUrl,
  startTls,
} from "./open-socket.ts";
import { completeRanges } from "./range-retrieval.ts";
import { SearchResults } from "./search-results.ts";
import { SingleRequests, usage } from "./single-requests.ts";
import { isAttributeList, toBytes, toValues } from "./value-input.ts";

const defaultTimeout = 30_000;
const defaultMaxMessageSize = 32 * 1024 * 1024;
const defaultPageSize = 500;
const scopes = { base: 0, one: 1, sub: 2 } as const;
const operations = { add: 0, delete: 1, replace: 2 } as const;

/**
 * A connection to a directory. Any number of operations may be under way at once, except around a bind.
 *
 * @example
 * const client = await LdapClient.connect({ url: "ldaps://dc1.lab.test" });
 * await client.bindSimple("alice@lab.test", password);
 * for await (const entry of client.search({ base: "DC=lab,DC=test", filter: "(objectClass=computer)" })) {
 *   console.log(entry.dn, entry.texts("servicePrincipalName"));
 * }
 * client.close();
 */
export class LdapClient {
  readonly #connection: LdapConnection;
  readonly #address: LdapAddress;
  readonly #requests: SingleRequests;
  readonly #tls: LdapTlsOptions | undefined;
  #sealed = false;

  private constructor(connection: LdapConnection, address: LdapAddress, options: LdapConnectOptions) {
    this.#connection = connection;
    this.#address = address;
    this.#requests = new SingleRequests(connection, options.timeout ?? defaultTimeout);
    this.#tls = options.tls;
  }

  /** @throws LdapConnectionError, DeadlineError, AbortedError */
  static async connect(options: LdapConnectOptions): Promise<LdapClient> {
    const address = parseLdapUrl(options.url);
    const wait = { timeout: options.timeout ?? defaultTimeout, signal: options.signal };
    const socket = await openSocket(address, { tls: options.tls, ...wait });
    const connection = new LdapConnection(socket, options.maxMessageSize ?? defaultMaxMessageSize);
    const client = new LdapClient(connection, address, options);
    if (options.startTls === true) {
      try {
        await client.startTls(wait);
      } catch (error) {
        client.close();
        throw error;
      }
    }
    return client;
  }

  /** The server, as in the URL. */
  get server(): string {
    return formatAddress(this.#address);
  }

  get secure(): boolean {
    return this.#connection.socket instanceof TLSSocket;
  }

  /** Why the connection is of no use any more; `undefined` while it is. */
  get failure(): Error | undefined {
    return this.#connection.failure;
  }

  /** Goes over to TLS, RFC 4511 section 4.14; before the bind. */
  async startTls(options: OperationOptions = {}): Promise<void> {
    if (this.secure) throw usage("TLS is already on");
    if (!this.#connection.idle) throw usage("TLS cannot begin while operations are under way");
    const host = this.#host();
    await this.#requests.extended(ExtensionOid.startTls, undefined, options, "asking for TLS");
    await this.#connection.upgrade((socket) =>
      startTls(socket, host, { tls: this.#tls, ...this.#requests.wait(options) }),
    );
  }

  /**
   * Authenticates with a password, RFC 4513 section 5.1.3. Refuses to send it where it could be read.
   *
   * @param name a DN; AD also takes `user@domain` and `DOMAIN\user`.
   * @throws LdapError `invalidCredentials` with AD's reason in `windows`.
   */
  async bindSimple(name: string, password: ValueInput, options: OperationOptions = {}): Promise<void> {
    if (!this.secure && !this.#sealed && this.#address.scheme !== "ldapi") {
      throw new LdapConnectionError("LDAP_UNPROTECTED_PASSWORD", "a password would be sent in the clear", {
        remedy: "Use ldaps, StartTLS, or a SASL bind.",
      });
    }
    if (name === "" || password.length === 0) throw usage("a simple bind needs a name and a password");
    const authentication = { kind: "simple" as const, value: toBytes(password) };
    const response = await this.#requests.bind(name, authentication, options);
    if (!isSuccess(response)) throw toLdapError(response, `binding as ${name}`);
  }

  /** Becomes anonymous. */
  async bindAnonymously(options: OperationOptions = {}): Promise<void> {
    const response = await this.#requests.bind("", { kind: "simple", value: new Uint8Array(0) }, options);
    if (!isSuccess(response)) throw toLdapError(response, "binding anonymously");
  }

  /**
   * Authenticates with a GSS-API security context and puts its protection around everything that follows.
   *
   * @throws LdapError the server's refusal; LdapConnectionError when server and client cannot agree.
   */
  async bindSasl(options: SaslBindOptions): Promise<void> {
    const { mechanism } = options;
    const protection = options.protection ?? (this.secure ? "none" : "confidential");
    if (protection !== "none" && (this.secure || this.#sealed)) {
      throw usage("the connection is already protected: bind with protection none");
    }
    const what = `binding with ${mechanism}`;
    const handshake = await options.begin({
      host: this.#host(),
      integrity: protection !== "none",
      confidentiality: protection === "confidential",
      channelBinding: this.#channelBinding(),
      signal: options.signal,
    });
    const initiator = new SaslInitiator(mechanism, handshake, protection);
    let fromServer: Uint8Array | undefined;
    for (;;) {
      const credentials = await initiator.step(fromServer);
      const sasl = { kind: "sasl" as const, value: { mechanism, credentials } };
      const response = await this.#requests.bind("", sasl, options);
      if (response.resultCode === ResultCode.saslBindInProgress) {
        fromServer = response.serverSaslCreds;
        continue;
      }
      if (!isSuccess(response)) throw toLdapError(response, what);
      const layer = await initiator.finish(response.serverSaslCreds);
      if (layer !== undefined) this.#connection.protect(layer);
      this.#sealed = layer?.confidential ?? false;
      return;
    }
  }

  /** Starts when the iteration starts. See `SearchResults`. */
  search(options: SearchOptions): SearchResults {
    const { base, scope = "sub", filter = "(objectClass=*)", attributes = [] } = options;
    const paged = scope !== "base" && options.pageSize !== false;
    return new SearchResults(this.#connection, {
      what: `searching ${base === "" ? "the root" : base}`,
      op: {
        kind: "searchRequest",
        value: {
          baseObject: base,
          scope: scopes[scope],
          derefAliases: 0,
          sizeLimit: options.sizeLimit ?? 0,
          timeLimit: options.timeLimit ?? 0,
          typesOnly: options.typesOnly ?? false,
          filter: typeof filter === "string" ? parseFilter(filter) : filter,
          attributes: [...attributes],
        },
      },
      controls: encodeControls(options),
      pageSize: paged ? (options.pageSize ?? defaultPageSize) : undefined,
      wait: this.#requests.wait(options),
      complete: (entry) => completeRanges(this, entry, options),
    });
  }

  /** One entry, or `undefined` when there is none of this name. @throws LdapError for any other refusal. */
  async read(
    dn: string,
    options: Omit<SearchOptions, "base" | "scope"> = {},
  ): Promise<LdapEntry | undefined> {
    try {
      const [entry] = await this.search({ ...options, base: dn, scope: "base" }).all();
      return entry;
    } catch (error) {
      if (isNoSuchObject(error)) return undefined;
      throw error;
    }
  }

  /** What the server says about itself; readable without a bind. */
  async rootDse(
    attributes: readonly string[] = ["*", "+"],
    options: OperationOptions = {},
  ): Promise<LdapEntry> {
    return (await this.read("", { ...options, attributes })) ?? new LdapEntry("", []);
  }

  async add(
    dn: string,
    attributes: Readonly<Record<string, ValueInput | readonly ValueInput[]>> | readonly LdapAttribute[],
    options: OperationOptions = {},
  ): Promise<void> {
    const list = isAttributeList(attributes)
      ? attributes.map(({ type, values }) => ({ type, vals: [...values] }))
      : Object.entries(attributes).map(([type, values]) => ({ type, vals: toValues(values) }));
    await this.#requests.change(
      `adding ${dn}`,
      { kind: "addRequest", value: { entry: dn, attributes: list } },
      options,
    );
  }

  /**
   * Changes an entry: all of the changes or none, in order. To change a value only if it is still what was read, delete
   * the old value and add the new one: a server refuses to delete a value that is not there (`noSuchAttribute`).
   */
  async modify(dn: string, changes: readonly ChangeInput[], options: OperationOptions = {}): Promise<void> {
    const list = changes.map(({ operation, type, values = [] }) => ({
      operation: operations[operation],
      modification: { type, vals: toValues(values) },
    }));
    await this.#requests.change(
      `modifying ${dn}`,
      { kind: "modifyRequest", value: { object: dn, changes: list } },
      options,
    );
  }

  async delete(dn: string, options: OperationOptions = {}): Promise<void> {
    await this.#requests.change(`deleting ${dn}`, { kind: "delRequest", value: dn }, options);
  }

  /** Renames or moves an entry. */
  async modifyDn(
    dn: string,
    target: { newRdn: string; newSuperior?: string; deleteOldRdn?: boolean },
    options: OperationOptions = {},
  ): Promise<void> {
    const value = {
      entry: dn,
      newrdn: target.newRdn,
      deleteoldrdn: target.deleteOldRdn ?? true,
      ...(target.newSuperior === undefined ? {} : { newSuperior: target.newSuperior }),
    };
    await this.#requests.change(`renaming ${dn}`, { kind: "modDNRequest", value }, options);
  }

  /** Whether the entry has the value. */
  async compare(
    dn: string,
    attribute: string,
    value: ValueInput,
    options: OperationOptions = {},
  ): Promise<boolean> {
    const ava = { attributeDesc: attribute, assertionValue: toBytes(value) };
    const op: ProtocolOp = { kind: "compareRequest", value: { entry: dn, ava } };
    const result = await this.#requests.answer(`comparing ${dn}`, op, options);
    if (result.resultCode === ResultCode.compareTrue) return true;
    if (result.resultCode === ResultCode.compareFalse) return false;
    throw toLdapError(result, `comparing ${dn}`);
  }

  /** The server's name for us, RFC 4532: `u:LAB\alice`, empty when anonymous. */
  async whoAmI(options: OperationOptions = {}): Promise<string> {
    return fromUtf8(
      await this.#requests.extended(ExtensionOid.whoAmI, undefined, options, "asking who we are"),
    );
  }

  /** Unbinds and closes; operations under way fail. */
  close(): void {
    this.#connection.close();
  }

  #host(): string {
    return this.#address.scheme === "ldapi" ? "localhost" : (this.#tls?.serverName ?? this.#address.host);
  }

  #channelBinding(): Uint8Array | undefined {
    const { socket } = this.#connection;
    return socket instanceof TLSSocket ? channelBindings(socket, "client")[0] : undefined;
  }
}

function isNoSuchObject(error: unknown): boolean {
  return (
    typeof error === "object" &&
    error !== null &&
    "resultCode" in error &&
    error.resultCode === ResultCode.noSuchObject
  );
}
