import {
  context,
  generalizedTime,
  generalString,
  type Infer,
  int32,
  integer,
  octetString,
  optional,
  type Reader,
  Schema,
  sequence,
  sequenceOf,
  uint32,
  type Writer,
} from "@waybill/asn1";

/** Realm ::= GeneralString. RFC 4120 section 5.2.2. Read and written as UTF-8, as every implementation does. */
export const Realm = generalString;
export type Realm = string;

/** KerberosTime ::= GeneralizedTime, whole seconds, UTC. RFC 4120 section 5.2.3. Here EpochMs. */
export const KerberosTime = generalizedTime;
export type KerberosTime = number;

/** Microseconds ::= INTEGER (0..999999). RFC 4120 section 5.2.4. */
export const Microseconds = integer({ min: 0, max: 999_999 });

class UnsignedSchema extends Schema<number> {
  readonly name = "UInt32";
  readonly #lenient = integer({ min: -0x8000_0000, max: 0xffff_ffff });

  override accepts(tag: number): boolean {
    return this.#lenient.accepts(tag);
  }

  override read(reader: Reader): number {
    return this.#lenient.read(reader) >>> 0;
  }

  override write(writer: Writer, value: number): void {
    uint32.write(writer, value);
  }
}

/**
 * UInt32 of RFC 4120 section 5.2.4: sequence numbers, key versions. Peers that hold them in a signed word
 * send the upper half as negative numbers; those are read as the unsigned value with the same bits, as MIT does.
 */
export const UInt32: Schema<number> = new UnsignedSchema();

/**
 * The UInt32 of a nonce, which is answered as it came: a client that holds it in a signed word, as Heimdal does, sends
 * the upper half as negative numbers and cannot read them back as anything else.
 */
export const Nonce: Schema<number> = integer({ min: -0x8000_0000, max: 0xffff_ffff });

/**
 * RFC 4120 section 5.2.2
 *
 *     PrincipalName ::= SEQUENCE { name-type [0] Int32, name-string [1] SEQUENCE OF KerberosString }
 */
export const PrincipalName = sequence("PrincipalName", {
  nameType: context(0, int32),
  nameString: context(1, sequenceOf(generalString)),
});
export type PrincipalName = Infer<typeof PrincipalName>;

/**
 * RFC 4120 section 5.2.5
 *
 *     HostAddress ::= SEQUENCE { addr-type [0] Int32, address [1] OCTET STRING }
 */
export const HostAddress = sequence("HostAddress", {
  addrType: context(0, int32),
  address: context(1, octetString),
});
export type HostAddress = Infer<typeof HostAddress>;

/** HostAddresses ::= SEQUENCE OF HostAddress. RFC 4120 section 5.2.5. */
export const HostAddresses = sequenceOf(HostAddress);
export type HostAddresses = Infer<typeof HostAddresses>;

/**
 * RFC 4120 section 5.2.6
 *
 *     AuthorizationData ::= SEQUENCE OF SEQUENCE { ad-type [0] Int32, ad-data [1] OCTET STRING }
 */
export const AuthorizationDataElement = sequence("AuthorizationDataElement", {
  adType: context(0, int32),
  adData: context(1, octetString),
});
export type AuthorizationDataElement = Infer<typeof AuthorizationDataElement>;

/** RFC 4120 section 5.2.6; the ASN.1 stands above its element. */
export const AuthorizationData = sequenceOf(AuthorizationDataElement);
export type AuthorizationData = Infer<typeof AuthorizationData>;

/**
 * RFC 4120 section 5.2.7. The tags start at 1.
 *
 *     PA-DATA ::= SEQUENCE { padata-type [1] Int32, padata-value [2] OCTET STRING }
 */
export const PaData = sequence("PA-DATA", {
  padataType: context(1, int32),
  padataValue: context(2, octetString),
});
export type PaData = Infer<typeof PaData>;

/** METHOD-DATA ::= SEQUENCE OF PA-DATA. RFC 4120 section 5.9.1. */
export const MethodData = sequenceOf(PaData);
export type MethodData = Infer<typeof MethodData>;

/**
 * RFC 4120 section 5.2.9
 *
 *     EncryptedData ::= SEQUENCE { etype [0] Int32, kvno [1] UInt32 OPTIONAL, cipher [2] OCTET STRING }
 */
export const EncryptedData = sequence("EncryptedData", {
  etype: context(0, int32),
  kvno: optional(context(1, UInt32)),
  cipher: context(2, octetString),
});
export type EncryptedData = Infer<typeof EncryptedData>;

/**
 * RFC 4120 section 5.2.9
 *
 *     EncryptionKey ::= SEQUENCE { keytype [0] Int32, keyvalue [1] OCTET STRING }
 */
export const EncryptionKey = sequence("EncryptionKey", {
  keytype: context(0, int32),
  keyvalue: context(1, octetString),
});
export type EncryptionKey = Infer<typeof EncryptionKey>;

/**
 * RFC 4120 section 5.2.9
 *
 *     Checksum ::= SEQUENCE { cksumtype [0] Int32, checksum [1] OCTET STRING }
 */
export const Checksum = sequence("Checksum", {
  cksumtype: context(0, int32),
  checksum: context(1, octetString),
});
export type Checksum = Infer<typeof Checksum>;
