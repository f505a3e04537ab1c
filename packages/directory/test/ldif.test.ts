import { fromUtf8, utf8 } from "@waybill/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stormAsync, stormTimeout } from "../../kerberos/test/support/storm.ts";
import {
  DirectoryError,
  type LdifProblem,
  parseLdif,
  readLdif,
  type WritableLdifRecord,
  writeLdif,
} from "../src/index.ts";

const anyName = fc.constantFrom("cn", "description", "userCertificate;binary", "msDS-AllowedToDelegateTo");
const anyValue = fc.oneof(
  fc.string().map(utf8),
  fc.uint8Array({ maxLength: 200 }),
  fc.constantFrom(utf8(" lead"), utf8("trail "), utf8(":x"), utf8("<x"), utf8("")),
);
const anyValues = fc.array(anyValue, { minLength: 1, maxLength: 4 });
const anyAttributes = fc.uniqueArray(fc.record({ type: anyName, values: anyValues }), {
  selector: ({ type }) => type,
});
const anyDn = fc
  .string({ unit: "grapheme", minLength: 1 })
  .filter((text) => !text.includes("\0"))
  .map((text) => `CN=${text.replace(/[^\p{L}\p{N} ]/gu, "x")}x,DC=lab`);
const anyRecord: fc.Arbitrary<WritableLdifRecord> = fc.oneof(
  fc.record({ kind: fc.constant("entry" as const), dn: anyDn, attributes: anyAttributes }),
  fc.record({ kind: fc.constant("add" as const), dn: anyDn, attributes: anyAttributes }),
  fc.record({ kind: fc.constant("delete" as const), dn: anyDn }),
  fc.record({
    kind: fc.constant("modify" as const),
    dn: anyDn,
    changes: fc.array(
      fc.record({
        operation: fc.constantFrom("add" as const, "delete" as const, "replace" as const),
        type: anyName,
        values: anyValues,
      }),
      { minLength: 1 },
    ),
  }),
  fc.record({ kind: fc.constant("rename" as const), dn: anyDn, newRdn: anyDn, deleteOldRdn: fc.boolean() }),
);

async function read(chunks: Uint8Array[]) {
  const problems: LdifProblem[] = [];
  const records: unknown[] = [];
  for await (const { line: _, ...record } of readLdif(chunks, {
    onProblem: (problem) => problems.push(problem),
  }))
    records.push(record);
  return { records, problems };
}

function chop(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
}

describe("LDIF (RFC 2849)", () => {
  it("reads back what it wrote, in chunks of any size", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyRecord, { maxLength: 5 }),
        fc.integer({ min: 1, max: 90 }),
        async (records, size) => {
          const text = [...writeLdif(records)].join("");
          expect(text.split("\n").every((line) => line.length <= 76)).toBe(true);
          expect(await read(chop(utf8(text), size))).toEqual({ records, problems: [] });
        },
      ),
      { numRuns: 200 },
    );
  });

  it("reads a value of many megabytes, folded, in small chunks", async () => {
    const value = new Uint8Array(12_000_000).fill(0xa5);
    const text = [
      ...writeLdif([{ kind: "entry", dn: "CN=a", attributes: [{ type: "jpegPhoto", values: [value] }] }]),
    ];
    const { records, problems } = await read(chop(utf8(text.join("")), 65_536));
    expect(problems).toEqual([]);
    expect(
      (records as { attributes: { values: Uint8Array[] }[] }[])[0]?.attributes[0]?.values[0]?.length,
    ).toBe(value.length);
  });

  it("never fails in another way than its own", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
        await read([bytes]).catch((error: unknown) => expect(error).toBeInstanceOf(DirectoryError));
      }),
    );
  });

  it("reads what ldapsearch and ldifde write: comments, folded comments, CRLF, trailers", async () => {
    const text =
      "# extended LDIF\r\n#\r\n# LDAPv3 with a long\r\n  comment\r\n\r\n# KVM01\r\ndn: CN=KVM01,CN=Comput\r\n ers,DC=lab,DC=test\r\ncn: KVM01\r\n" +
      "servicePrincipalName: HOST/kvm01\r\nservicePrincipalName: WSMAN/kvm01\r\n\r\n\r\n# search result\r\nsearch: 2\r\nresult: 0 Success\r\n\r\n# numEntries: 1\r\n";
    const { records, problems } = await parseLdif(text);
    expect(problems).toEqual([]);
    expect(records).toEqual([
      {
        kind: "entry",
        line: 7,
        dn: "CN=KVM01,CN=Computers,DC=lab,DC=test",
        attributes: [
          { type: "cn", values: [utf8("KVM01")] },
          { type: "servicePrincipalName", values: [utf8("HOST/kvm01"), utf8("WSMAN/kvm01")] },
        ],
      },
    ]);
  });

  it("reads the change records of the RFC's example 5 and 6", async () => {
    const text = `version: 1
dn: cn=Paula Jensen, ou=Product Development, dc=airius, dc=com
changetype: modrdn
newrdn: cn=Paula Jensen
deleteoldrdn: 0
newsuperior: ou=Product Development, dc=airius, dc=com

dn: cn=Paula Jensen, ou=Product Development, dc=airius, dc=com
changetype: modify
add: postaladdress
postaladdress: 123 Anystreet $ Sunnyvale, CA $ 94086
-
delete: description
-
replace: telephonenumber
telephonenumber: +1 408 555 1234
telephonenumber: +1 408 555 5678
-
`;
    const { records, problems } = await parseLdif(text);
    expect(problems).toEqual([]);
    expect(records).toMatchObject([
      { kind: "rename", newRdn: "cn=Paula Jensen", deleteOldRdn: false },
      {
        kind: "modify",
        changes: [
          { operation: "add" },
          { operation: "delete", values: [] },
          { operation: "replace", values: [{}, {}] },
        ],
      },
    ]);
  });

  it("reports what it cannot use, by line, and reads on", async () => {
    const { records, problems } = await parseLdif(
      "dn: CN=a\nnonsense\ncn:: ***\njpegPhoto:< file:///etc/passwd\nsn: ok\n\ncn: no dn\n\ndn: CN=b\nchangetype: explode\n\ndn: CN=c\n",
    );
    expect(problems.map(({ line }) => line)).toEqual([2, 3, 4, 7, 10]);
    expect(records).toMatchObject([{ dn: "CN=a", attributes: [{ type: "sn" }] }, { dn: "CN=c" }]);
  });

  it("reports foreign encodings and reads them", async () => {
    const wide = Buffer.from("\ufeffdn: CN=Jörg,DC=lab\ncn: Jörg\n", "utf16le");
    const utf16 = await parseLdif(new Uint8Array(wide));
    expect(utf16.records).toMatchObject([{ dn: "CN=Jörg,DC=lab" }]);
    expect(utf16.problems).toMatchObject([{ line: 1, text: expect.stringContaining("UTF-16LE") as string }]);
    const latin1 = await parseLdif(new Uint8Array(Buffer.from("dn: CN=Jörg,DC=lab\n", "latin1")));
    expect(latin1.records).toMatchObject([{ dn: "CN=Jörg,DC=lab" }]);
    expect(latin1.problems).toMatchObject([
      { line: 1, text: expect.stringContaining("not UTF-8") as string },
    ]);
  });
});

it("mutated LDIF is read, or what is wrong is listed", { timeout: stormTimeout }, async () => {
  const text = `version: 1\n\ndn:: Q049eCxEQz1sYWI=\nchangetype: modify\nadd: cn\ncn: a\n b\n-\n\n# c\ndn: CN=y\ncn:: eA==\n`;
  await stormAsync([utf8(text)], async (bytes) => await parseLdif(fromUtf8(bytes)), { leastRefused: 0 });
});
