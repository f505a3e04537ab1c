import { toHex } from "@waybill/base";
import { describe, expect, test } from "vitest";
import {
  AsReq,
  Authenticator,
  EncryptedData,
  KdcReqBody,
  KrbError,
  Ticket,
} from "../../src/messages/index.ts";
import { mitVectors } from "./schemas-by-vector.ts";

// These two hold a key version above 2^31 as a negative number, as Microsoft's read-only domain controllers send it.
const lenient = new Set(["enc_data(MSB-set kvno)", "enc_data(kvno=-1)"]);
const bytesOf = (name: string): Uint8Array =>
  mitVectors.find((vector) => vector.name === name)?.bytes as Uint8Array;

describe("MIT krb5's reference encodings", () => {
  test.each(mitVectors.filter(({ name }) => !lenient.has(name)))(
    "$name reads and writes back",
    ({ schema, bytes }) => {
      expect(toHex(schema.encode(schema.decode(bytes)))).toBe(toHex(bytes));
    },
  );

  test("key versions with the highest bit set are read as unsigned numbers", () => {
    expect(EncryptedData.decode(bytesOf("enc_data(MSB-set kvno)")).kvno).toBe(0xff000000);
    expect(EncryptedData.decode(bytesOf("enc_data(kvno=-1)")).kvno).toBe(0xffffffff);
  });

  test("the values are those of the reference", () => {
    expect(Ticket.decode(bytesOf("ticket"))).toEqual({
      tktVno: 5,
      realm: "ATHENA.MIT.EDU",
      sname: { nameType: 1, nameString: ["hftsai", "extra"] },
      encPart: { etype: 0, kvno: 5, cipher: expect.any(Uint8Array) },
    });
    expect(Authenticator.decode(bytesOf("authenticator"))).toMatchObject({
      cusec: 123456,
      ctime: Date.UTC(1994, 5, 10, 6, 3, 17),
      seqNumber: 17,
    });
    const error = KrbError.decode(bytesOf("error"));
    expect(error).toMatchObject({ errorCode: 60, eText: "krb5data", crealm: "ATHENA.MIT.EDU" });
  });

  test("the body of a request keeps its exact bytes for the checksum (RFC 4120 7.2.1)", () => {
    const request = AsReq.decode(bytesOf("as_req"));
    expect(toHex(request.reqBody.bytes)).toBe(toHex(bytesOf("kdc_req_body")));
    expect(request.reqBody.value).toEqual(KdcReqBody.decode(bytesOf("kdc_req_body")));
  });
});
