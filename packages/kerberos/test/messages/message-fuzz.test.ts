import { fromUtf8, utf8 } from "@waybill/base";
import { describe, expect, test } from "vitest";
import { describeKpasswdText } from "../../src/client/kpasswd-text.ts";
import { readProxyAnswer } from "../../src/client/transport/kkdcp.ts";
import { framed } from "../../src/client/transport/tcp.ts";
import {
  AdAndOr,
  AdKdcIssued,
  AnyEncKdcRepPart,
  ChangePasswdData,
  decodeKpasswdFrame,
  decodeKpasswdReply,
  EncAsRepPart,
  encodeKpasswdFrame,
  formatPrincipal,
  KdcProxyMessage,
  KerbErrorData,
  KrbError,
  KrbFastArmoredReq,
  KrbFastReq,
  ntStatusOf,
  PaAuthenticationSet,
  PaFxFastRequest,
  PaPacOptions,
  PaPacRequest,
  parsePrincipal,
} from "../../src/index.ts";
import { storm, stormTimeout } from "../support/storm.ts";
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

describe("mutated messages give a value or a typed error, nothing else", () => {
  test.each([...mitVectors, ...own])("$name", { timeout: stormTimeout }, ({ schema, bytes }) => {
    schema.decode(bytes);
    storm([bytes], (mutated) => schema.decode(mutated));
  });

  test("kpasswd frames and results", { timeout: stormTimeout }, () => {
    const frame = encodeKpasswdFrame({ version: 1, ap: utf8("ap"), message: utf8("message") });
    storm([frame], (bytes) => decodeKpasswdReply(decodeKpasswdFrame(bytes).message));
  });

  test("the text of kpasswd results", { timeout: stormTimeout }, () => {
    const policy = new Uint8Array(30).fill(7, 2);
    storm([policy, utf8("zu kurz")], (bytes) => describeKpasswdText(bytes), { leastRefused: 0 });
  });

  test("the NTSTATUS in any e-data", { timeout: stormTimeout }, () => {
    const error = KrbError.decode(vector("error"));
    const status = KerbErrorData.encode({
      dataType: 3,
      dataValue: Uint8Array.of(0x6e, 0, 0, 0xc0, 0, 0, 0, 0, 1, 0, 0, 0),
    });
    expect(ntStatusOf({ ...error, eData: status })).toBe(0xc000006e);
    storm([status], (eData) => ntStatusOf({ ...error, eData }), { leastRefused: 0 });
  });

  test("answers of a KDC proxy (MS-KKDCP)", { timeout: stormTimeout }, () => {
    const answer = KdcProxyMessage.encode({
      kerbMessage: framed(vector("as_rep")),
      targetDomain: "LAB.TEST",
    });
    expect(readProxyAnswer(answer)).toEqual(vector("as_rep"));
    storm([answer], readProxyAnswer);
  });

  test("principal names", { timeout: stormTimeout }, () => {
    const names = ["alice@LAB.TEST", "Two\\ Words/kvm02.lab.test@LAB.TEST", "a\\@b/c\\/d@E"].map(utf8);
    const read = (bytes: Uint8Array) =>
      formatPrincipal(parsePrincipal(fromUtf8(bytes), { defaultRealm: "R" }));
    storm(names, read, { leastRefused: 0 });
  });
});
