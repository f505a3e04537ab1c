import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from "node:crypto";
import { isIP } from "node:net";
import {
  any,
  bigInteger,
  bitString,
  boolean,
  context,
  defaulted,
  generalizedTime,
  ia5String,
  implicit,
  int32,
  objectIdentifier,
  octetString,
  optional,
  sequence,
  sequenceOf,
  setOf,
  utf8String,
} from "@waybill/asn1";
import { type EpochMs, emptyBytes, type Random, systemRandom } from "@waybill/base";

const AlgorithmIdentifier = sequence("AlgorithmIdentifier", { algorithm: objectIdentifier });
const Name = sequenceOf(
  setOf(sequence("AttributeTypeAndValue", { type: objectIdentifier, value: utf8String })),
);
const Extension = sequence("Extension", {
  extnId: objectIdentifier,
  critical: defaulted(boolean, false),
  extnValue: octetString,
});

/** RFC 5280 section 4.1. Times are GeneralizedTime, which readers take for any year. */
const TbsCertificate = sequence("TBSCertificate", {
  version: context(0, int32),
  serialNumber: bigInteger,
  signature: AlgorithmIdentifier,
  issuer: Name,
  validity: sequence("Validity", { notBefore: generalizedTime, notAfter: generalizedTime }),
  subject: Name,
  subjectPublicKeyInfo: any,
  extensions: context(3, sequenceOf(Extension)),
});
const Certificate = sequence("Certificate", {
  tbsCertificate: any,
  signatureAlgorithm: AlgorithmIdentifier,
  signatureValue: bitString,
});

const BasicConstraints = sequence("BasicConstraints", { ca: defaulted(boolean, false) });
const AuthorityKeyIdentifier = sequence("AuthorityKeyIdentifier", {
  keyIdentifier: optional(implicit(0, octetString)),
});
const dnsNameOf = implicit(2, ia5String);
const ipAddressOf = implicit(7, octetString);

const oid = {
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  commonName: "2.5.4.3",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
} as const;

/** PEM files of a server and of the authority that only it knows. */
export interface ServerCertificate {
  readonly key: string;
  /** The server's certificate followed by the authority's. */
  readonly cert: string;
  /** What clients have to trust. */
  readonly ca: string;
}

export interface ServerCertificateOptions {
  /** First one is the common name. DNS names and addresses. */
  readonly names: readonly string[];
  readonly now: EpochMs;
  readonly random?: Random | undefined;
}

const year = 365 * 24 * 60 * 60 * 1000;

/**
 * A TLS certificate for a server that nobody gave one: signed by an authority made for it alone, whose key is thrown
 * away at once. ECDSA P-256, ten years.
 */
export function makeServerCertificate(options: ServerCertificateOptions): ServerCertificate {
  const { names, now, random = systemRandom } = options;
  const [commonName = "localhost"] = names;
  const authority = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const server = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const authorityName = `${commonName} authority`;
  const common = { issuer: authorityName, signer: authority.privateKey, now, random };
  const ca = certificate({
    ...common,
    subject: authorityName,
    publicKey: authority.publicKey,
    extensions: [
      { extnId: oid.basicConstraints, critical: true, extnValue: BasicConstraints.encode({ ca: true }) },
      usage(0x06),
    ],
  });
  const cert = certificate({
    ...common,
    subject: commonName,
    publicKey: server.publicKey,
    extensions: [
      { extnId: oid.basicConstraints, critical: true, extnValue: BasicConstraints.encode({ ca: false }) },
      usage(0x80),
      extended(oid.extendedKeyUsage, sequenceOf(objectIdentifier).encode([oid.serverAuth])),
      extended(oid.subjectAltName, sequenceOf(any).encode(names.map(alternativeName))),
    ],
  });
  const key = server.privateKey.export({ type: "pkcs8", format: "pem" });
  return { key: key.toString(), cert: pem(cert) + pem(ca), ca: pem(ca) };
}

interface CertificateParts {
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly now: EpochMs;
  readonly random: Random;
  readonly extensions: readonly {
    readonly extnId: string;
    readonly critical: boolean;
    readonly extnValue: Uint8Array;
  }[];
}

function certificate(parts: CertificateParts): Uint8Array {
  const algorithm = { algorithm: oid.ecdsaWithSha256 };
  const spki = parts.publicKey.export({ type: "spki", format: "der" });
  const issuerKey = createPublicKey(parts.signer).export({ type: "spki", format: "der" });
  const serial = parts.random.bytes(16);
  const tbs = TbsCertificate.encode({
    version: 2,
    serialNumber: BigInt(`0x01${Buffer.from(serial).toString("hex")}`),
    signature: algorithm,
    issuer: nameOf(parts.issuer),
    // A day of grace for clocks that are behind.
    validity: { notBefore: parts.now - year / 365, notAfter: parts.now + 10 * year },
    subject: nameOf(parts.subject),
    subjectPublicKeyInfo: spki,
    extensions: [
      ...parts.extensions,
      extended(oid.subjectKeyIdentifier, octetString.encode(identifierOf(spki))),
      extended(
        oid.authorityKeyIdentifier,
        AuthorityKeyIdentifier.encode({ keyIdentifier: identifierOf(issuerKey) }),
      ),
    ],
  });
  const signature = sign(
    "sha256",
    tbs,
    createPrivateKey(parts.signer.export({ type: "pkcs8", format: "pem" })),
  );
  return Certificate.encode({
    tbsCertificate: tbs,
    signatureAlgorithm: algorithm,
    signatureValue: { bytes: signature, unusedBits: 0 },
  });
}

function nameOf(commonName: string): { type: string; value: string }[][] {
  return [[{ type: oid.commonName, value: commonName.slice(0, 64) }]];
}

/** Any value that names a key will do: RFC 5280 section 4.2.1.2. */
function identifierOf(spki: Uint8Array): Uint8Array {
  return createHash("sha256").update(spki).digest().subarray(0, 20);
}

function usage(bits: number): { extnId: string; critical: boolean; extnValue: Uint8Array } {
  const unusedBits = bits === 0x80 ? 7 : 1;
  return {
    extnId: oid.keyUsage,
    critical: true,
    extnValue: bitString.encode({ bytes: Uint8Array.of(bits), unusedBits }),
  };
}

function extended(
  extnId: string,
  extnValue: Uint8Array,
): { extnId: string; critical: boolean; extnValue: Uint8Array } {
  return { extnId, critical: false, extnValue };
}

function alternativeName(name: string): Uint8Array {
  return isIP(name) === 4
    ? ipAddressOf.encode(Uint8Array.from(name.split(".").map(Number)))
    : isIP(name) === 6
      ? ipAddressOf.encode(ipv6Bytes(name))
      : dnsNameOf.encode(name);
}

function ipv6Bytes(address: string): Uint8Array {
  const [head = "", tail = ""] = address.split("::");
  const words = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((word) => Number.parseInt(word, 16));
  const left = words(head);
  const right = words(tail);
  const missing = Math.max(0, 8 - left.length - right.length);
  const all = [...left, ...Array.from({ length: missing }, () => 0), ...right];
  return all.length === 0 ? emptyBytes : Uint8Array.from(all.flatMap((word) => [word >> 8, word & 0xff]));
}

function pem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
