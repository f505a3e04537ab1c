import { fromHex, toHex } from "@waybill/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as a from "../src/index.ts";

const Name = a.sequence("PrincipalName", {
  nameType: a.context(0, a.int32),
  nameString: a.context(1, a.sequenceOf(a.generalString)),
});
const Body = a.sequence("KDC-REQ-BODY", {
  kdcOptions: a.context(0, a.flags),
  cname: a.optional(a.context(1, Name)),
  till: a.context(5, a.generalizedTime),
  canonical: a.defaulted(a.context(6, a.boolean), false),
});
const Request = a.application(10, a.sequence("KDC-REQ", { reqBody: a.context(4, a.captured(Body)) }));

describe("X.690: the same pair encodes and decodes", () => {
  const pairs: readonly [string, a.Schema<unknown>, unknown, string][] = [
    ["INTEGER 0", a.int32, 0, "020100"],
    ["INTEGER 128", a.int32, 128, "02020080"],
    ["INTEGER -128", a.int32, -128, "020180"],
    ["INTEGER -129", a.int32, -129, "0202ff7f"],
    ["INTEGER 2^32-1", a.uint32, 0xffffffff, "020500ffffffff"],
    ["big INTEGER", a.bigInteger, -(2n ** 64n), "0209ff0000000000000000"],
    ["BOOLEAN", a.boolean, true, "0101ff"],
    ["flags", a.flags, 0x40810010, "03050040810010"],
    ["OID of Kerberos 5", a.objectIdentifier, "1.2.840.113554.1.2.2", "06092a864886f712010202"],
    ["OID of SPNEGO", a.objectIdentifier, "1.3.6.1.5.5.2", "06062b0601050502"],
    ["GeneralString", a.generalString, "krbtgt", "1b066b7262746774"],
    [
      "KerberosTime",
      a.generalizedTime as never,
      Date.UTC(2026, 10, 1, 9),
      "180f32303236313130313039303030305a",
    ],
  ];
  it.each(pairs)("%s", (_name, schema, value, hex) => {
    expect(toHex(schema.encode(value))).toBe(hex);
    expect(schema.decode(fromHex(hex))).toEqual(value);
  });
});

describe("SEQUENCE", () => {
  const value = {
    kdcOptions: 0x40000000,
    cname: { nameType: 1, nameString: ["alice"] },
    till: Date.UTC(2026, 10, 2),
    canonical: false,
  };

  it("keeps the exact bytes of a captured part", () => {
    const bytes = Request.encode({ reqBody: a.capture(Body, value) });
    const decoded = Request.decode(bytes);
    expect(decoded.reqBody.value).toEqual(value);
    expect(toHex(Body.encode(value))).toBe(toHex(decoded.reqBody.bytes));
  });

  it("leaves out a member that has its default value", () => {
    expect(Body.encode({ ...value, canonical: true }).length).toBe(Body.encode(value).length + 5);
  });

  it("names the path of what is wrong", () => {
    const bytes = Request.encode({ reqBody: a.capture(Body, value) });
    const broken = new Uint8Array(bytes);
    broken[broken.length - 1] = 0x41;
    expect(() => Request.decode(broken)).toThrow(
      "KDC-REQ.req-body.till: GeneralizedTime is not of the form YYYYMMDDHHMMSSZ",
    );
    const element = Name.encode({ nameType: 1, nameString: ["a"] });
    element[element.length - 1] = 0xff;
    expect(() => Name.decode(element)).toThrow("PrincipalName.name-string[0]: GeneralString is not UTF-8");
  });

  it("refuses invalid UTF-8 also where its replacement is as long, and keeps a replacement character sent on purpose", () => {
    expect(() => a.utf8String.decode(fromHex("0c03f09080"))).toThrow("UTF8String is not UTF-8");
    expect(a.utf8String.decode(fromHex("0c03efbfbd"))).toBe("\ufffd");
  });

  it("refuses to write a value without a required member", () => {
    expect(() => Body.encode({ ...value, till: undefined as never })).toThrow(
      "KDC-REQ-BODY.till: a value is needed",
    );
  });

  it("skips unknown members only where the type is extensible, or under BER", () => {
    const grown = fromHex("3006020101020102");
    expect(() => a.sequence("S", { x: a.int32 }).decode(grown)).toThrow(a.Asn1Error);
    expect(a.sequence("S", { x: a.int32 }, { extensible: true }).decode(grown)).toEqual({ x: 1 });
    expect(a.sequence("S", { x: a.int32 }).decode(grown, { rules: "ber" })).toEqual({ x: 1 });
  });
});

describe("CHOICE and tagging", () => {
  const Auth = a.choice("AuthenticationChoice", {
    simple: a.implicit(0, a.octetString),
    sasl: a.implicit(3, a.sequence("SaslCredentials", { mechanism: a.octetString })),
  });

  it("tells alternatives apart by their tags", () => {
    const sasl = { kind: "sasl", value: { mechanism: fromHex("475353") } } as const;
    expect(toHex(Auth.encode(sasl))).toBe("a3050403475353");
    expect(Auth.decode(fromHex("a3050403475353"))).toEqual(sasl);
    expect(() => Auth.decode(fromHex("8100"))).toThrow("expected one of simple, sasl, found [1]");
  });
});

describe("strictness", () => {
  it.each([
    ["length in too many octets", "02810101", "ASN1_NOT_DER"],
    ["INTEGER with a redundant octet", "02020001", "ASN1_NOT_DER"],
    ["indefinite length", "0280010000", "ASN1_BAD_LENGTH"],
    ["truncated", "0204010203", "ASN1_TRUNCATED"],
    ["bytes after the value", "02010100", "ASN1_TRAILING_BYTES"],
    ["another type", "040101", "ASN1_TAG_MISMATCH"],
    ["empty", "", "ASN1_TAG_MISMATCH"],
    ["out of range", "02050100000000", "ASN1_BAD_VALUE"],
  ])("refuses %s", (_name, hex, code) => {
    expect(() => a.int32.decode(fromHex(hex))).toThrow(expect.objectContaining({ code }));
  });

  it("reads the lenient forms under BER", () => {
    expect(a.int32.decode(fromHex("02810101"), { rules: "ber" })).toBe(1);
    expect(a.boolean.decode(fromHex("010101"), { rules: "ber" })).toBe(true);
    expect(a.int32.decode(fromHex("0208ffffffffffffffff"), { rules: "ber" })).toBe(-1);
  });

  it("stops at the depth limit", () => {
    type Nested = { inner?: Nested | undefined };
    let schema: a.Schema<Nested> = a.sequence("Leaf", {}) as never;
    let value: Nested = {};
    for (let i = 0; i < 40; i++) {
      schema = a.sequence("Node", { inner: a.optional(schema) }) as never;
      value = { inner: value };
    }
    expect(() => schema.decode(schema.encode(value))).toThrow(
      expect.objectContaining({ code: "ASN1_TOO_DEEP" }),
    );
    expect(schema.decode(schema.encode(value), { maxDepth: 64 })).toEqual(value);
  });
});

describe("properties", () => {
  it("integers of every size survive", () => {
    fc.assert(fc.property(fc.bigInt(), (n) => a.bigInteger.decode(a.bigInteger.encode(n)) === n));
    const wide = a.integer({ min: -(2 ** 47), max: 2 ** 47 - 1 });
    fc.assert(
      fc.property(
        fc.integer({ min: -(2 ** 47), max: 2 ** 47 - 1 }),
        (n) => wide.decode(wide.encode(n)) === n,
      ),
    );
  });

  const runs = Number(process.env.WAYBILL_FUZZ_RUNS ?? 100_000);

  it("mutated input gives a value or an Asn1Error, nothing else", { timeout: 60_000 + runs }, () => {
    const seed = Request.encode({
      reqBody: a.capture(Body, {
        kdcOptions: 1,
        cname: { nameType: 1, nameString: ["a", "b"] },
        till: 0,
        canonical: true,
      }),
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(seed.length - 1), fc.nat(255)), { maxLength: 4 }), (edits) => {
        const bytes = new Uint8Array(seed);
        for (const [at, octet] of edits) bytes[at] = octet;
        for (const rules of ["der", "ber"] as const) {
          try {
            Request.decode(bytes, { rules });
          } catch (error) {
            if (!(error instanceof a.Asn1Error)) throw error;
          }
        }
      }),
      { numRuns: runs },
    );
  });
});
