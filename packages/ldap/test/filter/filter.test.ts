import { fromHex, utf8 } from "@waybill/base";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type AttributeSyntax,
  escapeFilterValue,
  evaluateFilter,
  type Filter,
  type FilterSchema,
  formatFilter,
  LdapEntry,
  LdapSyntaxError,
  matchesFilter,
  parseFilter,
} from "../../src/index.ts";
import { filterSchema } from "../../src/messages/filter-schema.ts";

const attribute = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,8}(;[a-z0-9-]{1,5})?$/);
const oid = fc.stringMatching(/^[0-2](\.[1-9][0-9]{0,3}){1,4}$/);
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc.string({ unit: "binary", maxLength: 8 }).map(utf8),
  fc.string({ unit: fc.constantFrom("*", "(", ")", "\\", "\0", "a"), maxLength: 6 }).map(utf8),
);
const someBytes = bytes.filter((value) => value.length > 0);
const assertion = fc.record({ attributeDesc: attribute, assertionValue: bytes });

const substrings = fc
  .record({
    type: attribute,
    initial: fc.option(someBytes, { nil: undefined }),
    any: fc.array(someBytes, { maxLength: 3 }),
    final: fc.option(someBytes, { nil: undefined }),
  })
  .map(({ type, initial, any, final }) => ({
    type,
    substrings: [
      ...(initial === undefined ? [] : [{ kind: "initial" as const, value: initial }]),
      ...any.map((value) => ({ kind: "any" as const, value })),
      ...(final === undefined ? [] : [{ kind: "final" as const, value: final }]),
    ],
  }))
  .filter((filter) => filter.substrings.length > 0);

const extensible = fc
  .record({
    type: fc.option(attribute, { nil: undefined }),
    // `:dn` is a keyword where a rule may stand.
    matchingRule: fc.option(
      fc.oneof(
        oid,
        attribute.map((name) => name.replace(/;.*/, "")),
      ),
      { nil: undefined },
    ),
    matchValue: bytes,
    dnAttributes: fc.boolean(),
  })
  .filter(
    ({ type, matchingRule }) => (type ?? matchingRule) !== undefined && matchingRule?.toLowerCase() !== "dn",
  )
  .map(({ type, matchingRule, matchValue, dnAttributes }) => ({
    ...(type === undefined ? {} : { type }),
    ...(matchingRule === undefined ? {} : { matchingRule }),
    matchValue,
    dnAttributes,
  }));

const filter: fc.Arbitrary<Filter> = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { depthSize: "small" },
    fc.record({
      kind: fc.constantFrom("equalityMatch", "greaterOrEqual", "lessOrEqual", "approxMatch"),
      value: assertion,
    }) as fc.Arbitrary<Filter>,
    fc.record({ kind: fc.constant("present" as const), value: attribute }),
    fc.record({ kind: fc.constant("substrings" as const), value: substrings }),
    fc.record({ kind: fc.constant("extensibleMatch" as const), value: extensible }),
    fc.record({
      kind: fc.constantFrom("and" as const, "or" as const),
      value: fc.array(tie("filter"), { maxLength: 3 }),
    }),
    fc.record({ kind: fc.constant("not" as const), value: tie("filter") }),
  ),
})).filter;

const plain = (value: Filter): unknown =>
  JSON.parse(JSON.stringify(value, (_key, part: unknown) => (part instanceof Uint8Array ? [...part] : part)));

describe("string form (RFC 4515)", () => {
  test("every filter reads back from its text", () => {
    fc.assert(
      fc.property(filter, (value) => {
        expect(plain(parseFilter(formatFilter(value)))).toEqual(plain(value));
      }),
      { numRuns: 500 },
    );
  });

  test("every filter reads back from its BER encoding", () => {
    fc.assert(
      fc.property(filter, (value) => {
        const decoded = filterSchema.decode(filterSchema.encode(value), { rules: "ber", maxDepth: 200 });
        expect(plain(decoded)).toEqual(plain(value));
      }),
      { numRuns: 300 },
    );
  });

  // The examples of RFC 4515 section 4.
  test.each([
    "(cn=Babs Jensen)",
    "(!(cn=Tim Howes))",
    "(&(objectClass=Person)(|(sn=Jensen)(cn=Babs J*)))",
    "(o=univ*of*mich*)",
    "(seeAlso=)",
    "(cn:caseExactMatch:=Fred Flintstone)",
    "(cn:=Betty Rubble)",
    "(sn:dn:2.4.6.8.10:=Barney Rubble)",
    "(o:dn:=Ace Industry)",
    "(:1.2.3:=Wilma Flintstone)",
    "(:dn:2.4.6.8.10:=Dino)",
    "(o=Parens R Us \\28for all your parenthetical needs\\29)",
    "(cn=*\\2a*)",
    "(filename=C:\\5cMyFile)",
    "(sn=Lučić)",
  ])("%s", (text) => {
    expect(formatFilter(parseFilter(text))).toBe(text);
  });

  test("octets that are no text are escaped", () => {
    expect(formatFilter(parseFilter("(bin=\\00\\00\\00\\04)"))).toBe("(bin=\\00\\00\\00\x04)");
    expect(escapeFilterValue(fromHex("ff fe"))).toBe("\\ff\\fe");
    expect(escapeFilterValue("a*b")).toBe("a\\2ab");
  });

  test("the outer parentheses may be missing", () => {
    expect(formatFilter(parseFilter("cn=a"))).toBe("(cn=a)");
  });

  test.each([
    "",
    "(",
    "()",
    "(cn)",
    "(cn=a",
    "(cn=a))",
    "(&(cn=a)",
    "(!(cn=a)(cn=b))",
    "(cn=a\\2)",
    "(cn=a\\zz)",
    "(cn=**)",
    "(=a)",
    "(cn:=",
    "(:=a)",
    "(:dn:=a)",
    "(cn>a)",
    "(1.=a)",
    `${"(!".repeat(200)}(a=b)${")".repeat(200)}`,
  ])("refuses %j", (text) => {
    expect(() => parseFilter(text)).toThrow(LdapSyntaxError);
  });

  test("anything else either parses or is refused by name", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."()&|!=*:\\<>~ac1.2;".split("")) }), (text) => {
        try {
          parseFilter(text);
        } catch (error) {
          expect(error).toBeInstanceOf(LdapSyntaxError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

const syntaxes: Record<string, AttributeSyntax> = {
  cn: "unicode",
  useraccountcontrol: "integer",
  pwdlastset: "integer",
  objectguid: "octet",
  objectsid: "sid",
  memberof: "dn",
  enabled: "boolean",
  secret: "caseExact",
  whencreated: "time",
};
const schema: FilterSchema = {
  syntaxOf: (name) => syntaxes[name],
  reaches: (_dn, _type, target) => target === "CN=Outer,DC=lab",
};
const entry = new LdapEntry("CN=Alice,OU=People,DC=lab", [
  { type: "cn", values: [utf8("Alice  Liddell"), utf8("Lučić")] },
  { type: "userAccountControl", values: [utf8("16781312")] },
  { type: "pwdLastSet", values: [utf8("9223372036854775807")] },
  { type: "objectGUID", values: [fromHex("00112233445566778899aabbccddeeff")] },
  { type: "objectSid", values: [fromHex("0105000000000005150000000100000002000000030000005b040000")] },
  { type: "memberOf", values: [utf8("CN=Inner, dc=LAB")] },
  { type: "enabled", values: [utf8("TRUE")] },
  { type: "secret", values: [utf8("CaSe")] },
  { type: "whenCreated", values: [utf8("20261101090000.0Z")] },
]);

describe("evaluation (RFC 4511 section 4.5.1.7)", () => {
  test.each([
    "(cn=alice liddell)",
    "(CN=LUČIĆ)",
    "(cn=ali*dell)",
    "(cn=*li*ce*dd*)",
    "(cn~=ALICE LIDDELL)",
    "(cn=*)",
    "(cn>=alice)",
    "(cn<=m)",
    "(cn;lang-en=Alice Liddell)",
    "(userAccountControl:1.2.840.113556.1.4.803:=16777216)",
    "(userAccountControl:1.2.840.113556.1.4.803:=16781312)",
    "(userAccountControl:1.2.840.113556.1.4.804:=16777218)",
    "(pwdLastSet>=9223372036854775806)",
    "(objectGUID=\\00\\11\\22\\33\\44\\55\\66\\77\\88\\99\\aa\\bb\\cc\\dd\\ee\\ff)",
    "(objectGUID=\\00\\11*)",
    "(objectSid=S-1-5-21-1-2-3-1115)",
    "(objectSid=\\01\\05\\00\\00\\00\\00\\00\\05\\15\\00\\00\\00\\01\\00\\00\\00\\02\\00\\00\\00\\03\\00\\00\\00\\5b\\04\\00\\00)",
    "(memberOf=cn=inner,DC=lab)",
    "(memberOf:1.2.840.113556.1.4.1941:=CN=Inner,DC=lab)",
    "(memberOf:1.2.840.113556.1.4.1941:=CN=Outer,DC=lab)",
    "(enabled=true)",
    "(secret=CaSe)",
    "(secret:caseIgnoreMatch:=case)",
    "(ou:dn:=People)",
    "(whenCreated>=20261101000000.0Z)",
    "(&)",
    "(&(cn=*)(!(cn=bob)))",
    "(|(nosuch=1)(cn=alice liddell))",
    "(!(cn=bob))",
  ])("selects by %s", (text) => {
    const withOu: FilterSchema = {
      ...schema,
      syntaxOf: (name) => (name === "ou" ? "unicode" : syntaxes[name]),
    };
    expect(matchesFilter(parseFilter(text), entry, withOu)).toBe(true);
  });

  test.each([
    "(cn=bob)",
    "(cn=ali*dellx)",
    "(cn=liddell*)",
    "(cn=alice liddell*l)",
    "(userAccountControl=16781313)",
    "(userAccountControl:1.2.840.113556.1.4.803:=16777217)",
    "(userAccountControl:1.2.840.113556.1.4.804:=3)",
    "(secret=case)",
    "(secret=c*)",
    "(memberOf:1.2.840.113556.1.4.1941:=CN=Other,DC=lab)",
    "(|)",
    "(enabled=FALSE)",
    "(objectSid=S-1-5-21-1-2-3-1116)",
  ])("does not select by %s, but by its negation", (text) => {
    expect(evaluateFilter(parseFilter(text), entry, schema)).toBe(false);
    expect(matchesFilter(parseFilter(`(!${text})`), entry, schema)).toBe(true);
  });

  test.each([
    "(nosuch=*)",
    "(nosuch=1)",
    "(!(nosuch=1))",
    "(userAccountControl=x)",
    "(userAccountControl:1.2.840.113556.1.4.803:=x)",
    "(cn:1.2.840.113556.1.4.803:=1)",
    "(memberOf=CN=In*)",
    "(memberOf=not a name)",
    "(cn:9.9.9:=a)",
    "(:2.5.13.2:=a)",
    "(&(cn=*)(nosuch=1))",
    "(enabled=perhaps)",
    "(objectSid=S-1-5-9999999999)",
  ])("neither selects nor rejects by %s", (text) => {
    expect(evaluateFilter(parseFilter(text), entry, schema)).toBeUndefined();
  });

  test("De Morgan's laws hold with all three truth values", () => {
    const leaf = fc.constantFrom("(cn=*)", "(cn=bob)", "(nosuch=1)").map(parseFilter);
    fc.assert(
      fc.property(fc.array(leaf, { maxLength: 4 }), (parts) => {
        const negated = parts.map((value): Filter => ({ kind: "not", value }));
        const left: Filter = { kind: "not", value: { kind: "and", value: parts } };
        const right: Filter = { kind: "or", value: negated };
        expect(evaluateFilter(left, entry, schema)).toBe(evaluateFilter(right, entry, schema));
      }),
    );
  });

  test("a filter of any values on any entry gives a truth value and no exception", () => {
    const names = fc.constantFrom(...Object.keys(syntaxes));
    fc.assert(
      fc.property(names, bytes, bytes, (name, value, asserted) => {
        const subject = new LdapEntry("CN=x", [{ type: name, values: [value] }]);
        for (const kind of ["equalityMatch", "greaterOrEqual", "lessOrEqual"] as const) {
          const truth = evaluateFilter(
            { kind, value: { attributeDesc: name, assertionValue: asserted } },
            subject,
            schema,
          );
          expect([true, false, undefined]).toContain(truth);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
