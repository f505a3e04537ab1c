import { createHash } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { any, bitString, objectIdentifier, optional, sequence } from "@waybill/asn1";
import { concatBytes, utf8 } from "@waybill/base";

/** Names of hash functions by signature algorithm (RFC 4055, RFC 5758); MD5 and SHA-1 become SHA-256. */
const hashes: Readonly<Record<string, string>> = {
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
};

const Certificate = sequence("Certificate", {
  tbsCertificate: any,
  signatureAlgorithm: sequence("AlgorithmIdentifier", {
    algorithm: objectIdentifier,
    parameters: optional(any),
  }),
  signature: bitString,
});

/**
 * `tls-server-end-point` of RFC 5929 section 4: the prefix and the hash of the server's certificate, taken with the hash
 * of the certificate's own signature, at least SHA-256.
 */
export function endPointBinding(certificate: Uint8Array): Uint8Array {
  const { algorithm } = Certificate.decode(certificate).signatureAlgorithm;
  const hash = createHash(hashes[algorithm] ?? "sha256")
    .update(certificate)
    .digest();
  return concatBytes(utf8("tls-server-end-point:"), hash);
}

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
  const bindings = raw instanceof Uint8Array ? [endPointBinding(raw)] : [];
  const unique = uniqueBinding(socket, side);
  return unique === undefined ? bindings : [...bindings, unique];
}
