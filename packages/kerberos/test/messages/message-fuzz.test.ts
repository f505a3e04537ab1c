import { Asn1Error } from "@waybill/asn1";
import { utf8 } from "@waybill/base";
import { describe, expect, test } from "vitest";
import {
  AdAndOr,
  AdKdcIssued,
  AnyEncKdcRepPart,
  ChangePasswdData,
  decodeKpasswdFrame,
  decodeKpasswdReply,
  EncAsRepPart,
  encodeKpasswdFrame,
  KerbErrorData,
  KerberosError,
  KrbError,
  KrbFastArmoredReq,
  KrbFastReq,
  ntStatusOf,
  PaAuthenticationSet,
  PaFxFastRequest,
  PaPacOptions,
  PaPacRequest,
} from "../../src/index.ts";
import { mutate, seeded } from "../support/mutations.ts";
import { type MitVector, mitVectors } from "./schemas-by-vector.ts";

const vector = (name: string): Uint8Array => mitVectors.find((one) => one.name === name)?.bytes as Uint8Array;
const encrypted = { etype: 18, cipher: utf8("sealed") };
const checksum = { cksumtype: 16, checksum: utf8("sum") };
const element = { adType: 1, adData: utf8("data") };
const armored = {
  armor: { armorType: 1, armorValue: utf8("ap-req") },
  reqChecksum: checksum,
  encFastReq: encrypted,
};
const bodyBytes = vector("kdc_req_body");
const elements = mitVectors.find(({ name }) => name === "ad_kdcissued");

/** Seeds for the types MIT has no reference encoding of. */
const own: MitVector[] = [
  {
    name: "kerb-error-data",
    schema: KerbErrorData,
    bytes: KerbErrorData.encode({ dataType: 3, dataValue: utf8("123456789012") }),
  },
  { name: "pa-pac-request", schema: PaPacRequest, bytes: PaPacRequest.encode({ includePac: true }) },
  { name: "pa-pac-options", schema: PaPacOptions, bytes: PaPacOptions.encode({ flags: 0x10000000 }) },
  {
    name: "change-password",
    schema: ChangePasswdData,
    bytes: ChangePasswdData.encode({ newpasswd: utf8("new"), targrealm: "LAB.TEST" }),
  },
  {
    name: "ad-and-or",
    schema: AdAndOr,
    bytes: AdAndOr.encode({ conditionCount: 1, elements: [element, element] }),
  },
  { name: "fast-armored-request", schema: KrbFastArmoredReq, bytes: KrbFastArmoredReq.encode(armored) },
  {
    name: "pa-fx-fast-request",
    schema: PaFxFastRequest,
    bytes: PaFxFastRequest.encode({ kind: "armoredData", value: armored }),
  },
  {
    name: "fast-request",
    schema: KrbFastReq,
    bytes: KrbFastReq.encode({
      fastOptions: 0,
      padata: [],
      reqBody: { value: undefined as never, bytes: bodyBytes },
    }),
  },
  {
    name: "pa-authentication-set",
    schema: PaAuthenticationSet,
    bytes: PaAuthenticationSet.encode([{ paType: 138, paHint: utf8("hint") }]),
  },
  { name: "any-enc-kdc-rep-part", schema: AnyEncKdcRepPart, bytes: vector("enc_kdc_rep_part") },
  {
    name: "enc-as-rep-part",
    schema: EncAsRepPart,
    bytes: Uint8Array.of(0x79, ...vector("enc_kdc_rep_part").subarray(1)),
  },
  { name: "ad-kdc-issued", schema: AdKdcIssued, bytes: elements?.bytes as Uint8Array },
];

/** Mutations of each seed: `WAYBILL_FUZZ_RUNS`, or so many that the whole file makes 100,000. */
const asked = process.env.WAYBILL_FUZZ_RUNS;
const rounds = Math.ceil(asked === undefined ? 100_000 / (mitVectors.length + own.length) : Number(asked));
const timeout = 60_000 + rounds;

function attack(seedBytes: Uint8Array, decode: (bytes: Uint8Array) => unknown): number {
  const next = seeded(0x5eed);
  let refused = 0;
  for (let round = 0; round < rounds; round++) {
    const bytes = mutate(seedBytes, next);
    try {
      decode(bytes);
    } catch (error) {
      if (!(error instanceof Asn1Error || error instanceof KerberosError)) {
        throw new Error(`round ${round}: ${Buffer.from(bytes).toString("hex")}`, { cause: error });
      }
      refused++;
    }
  }
  return refused;
}

describe("mutated messages give a value or a typed error, nothing else", () => {
  test.each([...mitVectors, ...own])("$name", { timeout }, ({ schema, bytes }) => {
    schema.decode(bytes);
    expect(attack(bytes, (mutated) => schema.decode(mutated))).toBeGreaterThan(rounds / 20);
  });

  test("kpasswd frames and results", { timeout }, () => {
    const frame = encodeKpasswdFrame({ version: 1, ap: utf8("ap"), message: utf8("message") });
    attack(frame, (bytes) => decodeKpasswdReply(decodeKpasswdFrame(bytes).message));
  });

  test("the NTSTATUS in any e-data", { timeout }, () => {
    const error = KrbError.decode(vector("error"));
    const status = KerbErrorData.encode({
      dataType: 3,
      dataValue: Uint8Array.of(0x6e, 0, 0, 0xc0, 0, 0, 0, 0, 1, 0, 0, 0),
    });
    expect(ntStatusOf({ ...error, eData: status })).toBe(0xc000006e);
    attack(status, (eData) => ntStatusOf({ ...error, eData }));
  });
});
