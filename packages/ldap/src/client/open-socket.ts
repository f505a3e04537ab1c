import { readFileSync } from "node:fs";
import { connect as connectTcp, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import { type WaybillError, withDeadline } from "@waybill/base";
import { LdapConnectionError } from "../errors.ts";

/** How the server proves who it is. */
export interface LdapTlsOptions {
  /** Certificates to trust, PEM; the system's own when absent. */
  readonly ca?: string | readonly string[] | undefined;
  /** The same, from a file. */
  readonly caFile?: string | undefined;
  /** The name the certificate must have, when it is not the one in the URL. */
  readonly serverName?: string | undefined;
  /** Highest TLS version; 1.2 for peers that bind channels by `tls-unique` only. */
  readonly maxVersion?: "TLSv1.2" | "TLSv1.3" | undefined;
}

export type LdapAddress =
  | { readonly scheme: "ldap" | "ldaps"; readonly host: string; readonly port: number }
  | { readonly scheme: "ldapi"; readonly path: string };

const ports = { ldap: 389, ldaps: 636 } as const;

/** Reads `ldap://host:port`, `ldaps://host`, `ldapi://%2Fpath`. What follows the address in an LDAP URL is ignored. */
export function parseLdapUrl(url: string): LdapAddress {
  const match = /^(ldaps?|ldapi):\/\/(?:\[([0-9a-f:.%]+)\]|([^/?:]*))(?::(\d{1,5}))?(?:[/?].*)?$/i.exec(url);
  const scheme = match?.[1]?.toLowerCase();
  const host = match?.[2] ?? match?.[3] ?? "";
  if (scheme === "ldapi") return { scheme, path: decode(host) || "/var/run/slapd/ldapi" };
  const port = match?.[4] === undefined ? undefined : Number(match[4]);
  if (
    (scheme !== "ldap" && scheme !== "ldaps") ||
    host === "" ||
    (port !== undefined && (port < 1 || port > 65535))
  ) {
    throw new LdapConnectionError("LDAP_USAGE", `not an LDAP URL: ${url}`, {
      remedy: "Write ldap://host, ldaps://host or ldapi://%2Fpath%2Fto%2Fsocket.",
    });
  }
  return { scheme, host, port: port ?? ports[scheme] };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export interface OpenSocketOptions {
  readonly tls?: LdapTlsOptions | undefined;
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

/** Connects; for `ldaps` with TLS. @throws LdapConnectionError, DeadlineError, AbortedError */
export async function openSocket(address: LdapAddress, options: OpenSocketOptions): Promise<Duplex> {
  const where = formatAddress(address);
  const socket = await withDeadline({ what: `connecting to ${where}`, ...pick(options) }, (signal) => {
    const raw =
      address.scheme === "ldapi"
        ? connectTcp({ path: address.path })
        : connectTcp({ host: address.host, port: address.port, noDelay: true, keepAlive: true });
    return established(raw, "connect", signal, (cause) => connectFailed(where, cause));
  });
  return address.scheme === "ldaps" ? await startTls(socket, address.host, options) : socket;
}

/** The TLS handshake on an open connection. */
export async function startTls(socket: Duplex, host: string, options: OpenSocketOptions): Promise<TLSSocket> {
  const name = options.tls?.serverName ?? host;
  try {
    return await withDeadline({ what: `the TLS handshake with ${name}`, ...pick(options) }, (signal) => {
      const secure = connectTls({ socket, ...tlsOptions(options.tls, name) });
      return established(secure, "secureConnect", signal, (cause) => tlsFailed(name, cause));
    });
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function tlsOptions(tls: LdapTlsOptions | undefined, name: string): ConnectionOptions {
  const ca = tls?.caFile === undefined ? tls?.ca : readCa(tls.caFile);
  return {
    minVersion: "TLSv1.2",
    host: name,
    ...(isAddress(name) ? {} : { servername: name }),
    ...(tls?.maxVersion === undefined ? {} : { maxVersion: tls.maxVersion }),
    ...(ca === undefined ? {} : { ca: typeof ca === "string" ? ca : [...ca] }),
  };
}

function readCa(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new LdapConnectionError(
      "LDAP_TLS_FAILED",
      `the file of trusted certificates, ${file}, cannot be read`,
      {
        cause,
      },
    );
  }
}

async function established<S extends Socket>(
  socket: S,
  event: "connect" | "secureConnect",
  signal: AbortSignal,
  explain: (cause: Error) => WaybillError,
): Promise<S> {
  return await new Promise<S>((resolve, reject) => {
    const settle = (): void => {
      socket.off("error", onError);
      socket.off("close", onClose);
      signal.removeEventListener("abort", onAbort);
    };
    const fail = (error: WaybillError): void => {
      settle();
      socket.on("error", () => {});
      socket.destroy();
      reject(error);
    };
    const onError = (cause: Error): void => fail(explain(cause));
    const onClose = (): void => fail(explain(new Error("the connection was closed")));
    const onAbort = (): void => fail(explain(new Error("given up")));
    socket.on("error", onError);
    socket.on("close", onClose);
    signal.addEventListener("abort", onAbort);
    socket.once(event, () => {
      settle();
      resolve(socket);
    });
  });
}

function connectFailed(where: string, cause: Error): LdapConnectionError {
  return new LdapConnectionError("LDAP_CONNECT_FAILED", `no connection to ${where}: ${cause.message}`, {
    cause,
    remedy: "Check that the server runs, that its name resolves and that no firewall stands between.",
  });
}

function tlsFailed(name: string, cause: Error): LdapConnectionError {
  return new LdapConnectionError("LDAP_TLS_FAILED", `TLS with ${name} failed: ${cause.message}`, {
    cause,
    remedy: "Check that the certificate is issued for this name by an authority that is trusted here.",
  });
}

export function formatAddress(address: LdapAddress): string {
  return address.scheme === "ldapi"
    ? `ldapi:${address.path}`
    : `${address.scheme}://${address.host}:${address.port}`;
}

function isAddress(name: string): boolean {
  return /^[\d.]+$/.test(name) || name.includes(":");
}

function pick(options: OpenSocketOptions): { timeout: number; signal: AbortSignal | undefined } {
  return { timeout: options.timeout, signal: options.signal };
}
