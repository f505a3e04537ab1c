import {
  boolean,
  context,
  flags,
  generalString,
  type Infer,
  int32,
  octetString,
  optional,
  sequence,
  sequenceOf,
} from "@waybill/asn1";
import { EncryptedData, KerberosTime, Microseconds } from "./basic.ts";

/**
 * RFC 4120 section 5.2.7.2. Key usage 1 in PA-ENC-TIMESTAMP; 54 and 55 in PA-ENCRYPTED-CHALLENGE.
 *
 *     PA-ENC-TS-ENC ::= SEQUENCE { patimestamp [0] KerberosTime, pausec [1] Microseconds OPTIONAL }
 */
export const PaEncTsEnc = sequence("PA-ENC-TS-ENC", {
  patimestamp: context(0, KerberosTime),
  pausec: optional(context(1, Microseconds)),
});
export type PaEncTsEnc = Infer<typeof PaEncTsEnc>;

/** PA-ENC-TIMESTAMP ::= EncryptedData. RFC 4120 section 5.2.7.2. */
export const PaEncTimestamp = EncryptedData;

/** EncryptedChallenge ::= EncryptedData of a PA-ENC-TS-ENC. RFC 6113 section 5.4.6. */
export const EncryptedChallenge = EncryptedData;

/**
 * RFC 4120 section 5.2.7.4
 *
 *     ETYPE-INFO ::= SEQUENCE OF SEQUENCE { etype [0] Int32, salt [1] OCTET STRING OPTIONAL }
 */
export const EtypeInfo = sequenceOf(
  sequence("ETYPE-INFO-ENTRY", { etype: context(0, int32), salt: optional(context(1, octetString)) }),
);
export type EtypeInfo = Infer<typeof EtypeInfo>;

/**
 * RFC 4120 section 5.2.7.5
 *
 *     ETYPE-INFO2 ::= SEQUENCE SIZE (1..MAX) OF SEQUENCE {
 *       etype [0] Int32, salt [1] KerberosString OPTIONAL, s2kparams [2] OCTET STRING OPTIONAL }
 */
export const EtypeInfo2 = sequenceOf(
  sequence("ETYPE-INFO2-ENTRY", {
    etype: context(0, int32),
    salt: optional(context(1, generalString)),
    s2kparams: optional(context(2, octetString)),
  }),
);
export type EtypeInfo2 = Infer<typeof EtypeInfo2>;

/**
 * MS-KILE section 2.2.3
 *
 *     KERB-PA-PAC-REQUEST ::= SEQUENCE { include-pac [0] BOOLEAN }
 */
export const PaPacRequest = sequence("KERB-PA-PAC-REQUEST", { includePac: context(0, boolean) });
export type PaPacRequest = Infer<typeof PaPacRequest>;

/**
 * MS-KILE section 2.2.10; the bits are in `PacOptions`.
 *
 *     PA-PAC-OPTIONS ::= SEQUENCE { flags [0] KerberosFlags }
 */
export const PaPacOptions = sequence("PA-PAC-OPTIONS", { flags: context(0, flags) });
export type PaPacOptions = Infer<typeof PaPacOptions>;
