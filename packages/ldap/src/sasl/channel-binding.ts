import type { TLSSocket } from "node:tls";
import { concatBytes, utf8 } from "@waybill/base";
import { tlsServerEndPointOf } from "@waybill/kerberos";

/** `tls-unique` of RFC 5929 section 3: the first Finished message; only TLS 1.2 has it. */
export function uniqueBinding(socket: TLSSocket, side: "client" | "server"): Uint8Array | undefined {
  if (socket.getProtocol() !== "TLSv1.2") return undefined;
  const clientSpokeFirst = !socket.isSessionReused();
  const own = clientSpokeFirst === (side === "client");
  const finished = own ? socket.getFinished() : socket.getPeerFinished();
  return finished === undefined ? undefined : concatBytes(utf8("tls-unique:"), finished);
}

/** Binding application data by which either side may name this TLS connection, the usual one first. */
export function channelBindings(socket: TLSSocket, side: "client" | "server"): Uint8Array[] {
  const certificate = side === "client" ? socket.getPeerCertificate() : socket.getCertificate();
  const raw: unknown = certificate !== null && "raw" in certificate ? certificate.raw : undefined;
  const bindings = raw instanceof Uint8Array ? [tlsServerEndPointOf(raw).applicationData] : [];
  const unique = uniqueBinding(socket, side);
  return unique === undefined ? bindings : [...bindings, unique];
}
