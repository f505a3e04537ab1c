import { createHash } from "node:crypto";
import { any, bitString, objectIdentifier, optional, sequence } from "@waybill/asn1";
import { utf8 } from "@waybill/base";

/** What ties the context to the channel below it: RFC 2744 section 3.11. Almost always only `applicationData`. */
export interface ChannelBindings {
  readonly applicationData: Uint8Array;
  readonly initiatorAddressType?: number | undefined;
  readonly initiatorAddress?: Uint8Array | undefined;
  readonly acceptorAddressType?: number | undefined;
  readonly acceptorAddress?: Uint8Array | undefined;
}

const none = new Uint8Array(0);

/** MD5 over the bindings as RFC 4121 section 4.1.1.2 lays them out; all zeros without bindings. */
export function hashChannelBindings(bindings: ChannelBindings | undefined): Uint8Array {
  if (bindings === undefined) return new Uint8Array(16);
  const hash = createHash("md5");
  const part = (bytes: Uint8Array): void => {
    hash.update(word(bytes.length)).update(bytes);
  };
  hash.update(word(bindings.initiatorAddressType ?? 0));
  part(bindings.initiatorAddress ?? none);
  hash.update(word(bindings.acceptorAddressType ?? 0));
  part(bindings.acceptorAddress ?? none);
  part(bindings.applicationData);
  return new Uint8Array(hash.digest());
}

/**
 * Bindings to a TLS server's certificate (RFC 5929, `tls-server-end-point`).
 *
 * @param certificateHash hash of the DER certificate: SHA-256, or the signature's hash when that is stronger
 */
export function tlsServerEndPoint(certificateHash: Uint8Array): ChannelBindings {
  const prefix = utf8("tls-server-end-point:");
  const applicationData = new Uint8Array(prefix.length + certificateHash.length);
  applicationData.set(prefix);
  applicationData.set(certificateHash, prefix.length);
  return { applicationData };
}

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

/** The same from the certificate itself, in DER: its hash is taken as RFC 5929 section 4.1 has it. @throws Asn1Error */
export function tlsServerEndPointOf(certificate: Uint8Array): ChannelBindings {
  const { algorithm } = Certificate.decode(certificate).signatureAlgorithm;
  return tlsServerEndPoint(
    createHash(hashes[algorithm] ?? "sha256")
      .update(certificate)
      .digest(),
  );
}

function word(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}
