import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Dn,
  dnFromDomain,
  domainFromDn,
  equalDn,
  escapeDnValue,
  formatDn,
  isWithin,
  LdapSyntaxError,
  normalizeDn,
  parentDn,
  parseDn,
} from "../src/index.ts";

const type = fc.stringMatching(/^([A-Za-z][A-Za-z0-9-]{0,6}|[0-2](\.[1-9][0-9]{0,3}){1,3})$/);
const value = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 10 }),
  fc.string({ unit: fc.constantFrom(...' #+,;<=>\\"\0\n\ra'.split("")), maxLength: 8 }),
);
const dn: fc.Arbitrary<Dn> = fc.array(fc.array(fc.record({ type, value }), { minLength: 1, maxLength: 2 }), {
  maxLength: 4,
});

describe("string form (RFC 4514)", () => {
  test("every name reads back from its text", () => {
    fc.assert(
      fc.property(dn, (name) => {
        expect(parseDn(formatDn(name))).toEqual(name);
      }),
      { numRuns: 500 },
    );
  });

  // The examples of RFC 4514 section 4.
  test.each([
    "UID=jsmith,DC=example,DC=net",
    "OU=Sales+CN=J.  Smith,DC=example,DC=net",
    'CN=James \\"Jim\\" Smith\\, III,DC=example,DC=net',
    "CN=Before\\0DAfter,DC=example,DC=net",
    "1.3.6.1.4.1.1466.0=#04024869",
  ])("%s", (text) => {
    expect(formatDn(parseDn(text))).toBe(text);
  });

  test("octets in UTF-8 are characters", () => {
    expect(parseDn("CN=Lu\\C4\\8Di\\C4\\87")).toEqual([[{ type: "CN", value: "Lučić" }]]);
    expect(parseDn("CN=gone\\0ADEL:1234,DC=lab")[0]?.[0]?.value).toBe("gone\nDEL:1234");
  });

  test("older spellings are understood: spaces, semicolons, quotes, OID.", () => {
    expect(parseDn(' cn = "a, b" ; OID.2.5.4.11 = x y  , dc=z ')).toEqual([
      [{ type: "cn", value: "a, b" }],
      [{ type: "2.5.4.11", value: "x y" }],
      [{ type: "dc", value: "z" }],
    ]);
  });

  test.each([
    "cn",
    "=a",
    "cn=a,",
    "cn=a,,dc=b",
    "cn=a\\",
    "cn=a\\x",
    'cn="a',
    'cn="a"b',
    "cn=#0",
    "cn=#zz",
    "cn=a<b",
    "cn=\\ff",
    "1.=a",
    "cn=a+",
  ])("refuses %j", (text) => {
    expect(() => parseDn(text)).toThrow(LdapSyntaxError);
  });

  test("anything else either parses or is refused by name", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'cn=,+;\\"#0f <>.1 '.split("")) }), (text) => {
        try {
          parseDn(text);
        } catch (error) {
          expect(error).toBeInstanceOf(LdapSyntaxError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("comparison", () => {
  test("ignores case, spaces, the order inside an RDN and the spelling of types", () => {
    expect(equalDn("CN=Alice  B,DC=LAB", "2.5.4.3=alice b , 0.9.2342.19200300.100.1.25=lab")).toBe(true);
    expect(equalDn("CN=a+OU=b,DC=c", "ou=B+cn=A,dc=c")).toBe(true);
    expect(equalDn("CN=a,DC=b", "CN=a,DC=c")).toBe(false);
    expect(equalDn("CN=a\\,DC\\=b", "CN=a,DC=b")).toBe(false);
  });

  test("a normalized name is its own normal form", () => {
    fc.assert(
      fc.property(dn, (name) => {
        expect(normalizeDn(normalizeDn(name))).toBe(normalizeDn(name));
      }),
    );
  });

  test("ancestors", () => {
    expect(isWithin("CN=a,OU=b,DC=c", "ou=B,dc=C")).toBe(true);
    expect(isWithin("OU=b,DC=c", "OU=b,DC=c")).toBe(true);
    expect(isWithin("DC=c", "OU=b,DC=c")).toBe(false);
    expect(isWithin("CN=xb,DC=c", "CN=b,DC=c")).toBe(false);
    expect(isWithin("CN=a", "")).toBe(true);
    expect(formatDn(parentDn(parseDn("CN=a,DC=b")) ?? [])).toBe("DC=b");
    expect(parentDn([])).toBeUndefined();
  });

  test("domains", () => {
    expect(dnFromDomain("lab.test")).toBe("DC=lab,DC=test");
    expect(domainFromDn("CN=x,DC=Lab,DC=Test")).toBe("lab.test");
    expect(domainFromDn("O=x")).toBeUndefined();
    expect(escapeDnValue(" #a ")).toBe("\\ #a\\ ");
  });
});
