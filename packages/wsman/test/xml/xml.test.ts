import { utf8 } from "@waybill/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { storm, stormTimeout } from "../../../kerberos/test/support/storm.ts";
import {
  attributeOf,
  childOf,
  element,
  isElement,
  Ns,
  readXml,
  textOf,
  WsmanError,
  withAttribute,
  writeXml,
  type XmlElement,
  type XmlNode,
  XmlQName,
} from "../../src/index.ts";

const refused = (text: string | Uint8Array): WsmanError => {
  try {
    readXml(text);
  } catch (error) {
    expect(error).toBeInstanceOf(WsmanError);
    return error as WsmanError;
  }
  throw new Error("it was accepted");
};

describe("reading XML", () => {
  it("resolves namespaces, defaults and prefixes, and joins text and CDATA", () => {
    const root = readXml(
      '<?xml version="1.0"?><!-- c --><a xmlns="urn:x" xmlns:y="urn:y" y:k="1" k="2">t&lt;<y:b/><![CDATA[<&]]>&#x20AC;</a>',
    );
    expect(root).toMatchObject({ namespace: "urn:x", name: "a" });
    expect(attributeOf(root, "urn:y", "k")).toBe("1");
    expect(attributeOf(root, "", "k")).toBe("2");
    expect(textOf(root)).toBe("t<<&€");
    expect(childOf(root, "urn:y", "b")).toBeDefined();
  });

  it("reads UTF-16 with and without a byte order mark", () => {
    const utf16 = (text: string) => new Uint8Array(Buffer.from(text, "utf16le"));
    expect(textOf(readXml(utf16("\ufeff<a>ü</a>")))).toBe("ü");
    expect(textOf(readXml(utf16("<a>ü</a>")))).toBe("ü");
  });

  it.each([
    ["", "no root"],
    ["<a>", "not closed"],
    ["<a></b>", "mismatched"],
    ["<a/><b/>", "two roots"],
    ["text", "no markup"],
    ["<a b=1/>", "unquoted"],
    ["<a b='1' b='2'/>", "attribute twice"],
    ["<p:a/>", "unbound prefix"],
    ["<a>&nbsp;</a>", "undeclared entity"],
    ["<a>&#0;</a>", "forbidden character"],
    ["<a>\u0001</a>", "control character"],
    ['<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "entity declaration"],
    ['<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "external subset"],
    ["<a><?php ?></a>", "processing instruction"],
    ["<a xmlns:xml='urn:x'/>", "reserved prefix"],
    [`${"<a>".repeat(100)}${"</a>".repeat(100)}`, "depth"],
    [`<a>${"<b/>".repeat(60_000)}</a>`, "elements"],
    [`<a ${Array.from({ length: 100 }, (_, i) => `k${i}="v"`).join(" ")}/>`, "attributes"],
    [`<a>${"x".repeat(5 * 1024 * 1024)}</a>`, "size"],
  ])("refuses %.40s (%s)", (text) => {
    expect(refused(text).code).toBe("WSMAN_XML_INVALID");
  });

  it("refuses bytes that are no text", () => {
    expect(refused(new Uint8Array([0x3c, 0x61, 0xff, 0xfe, 0x2f, 0x3e])).code).toBe("WSMAN_XML_INVALID");
  });

  it("names of JavaScript's own mean nothing", () => {
    const root = readXml('<__proto__ constructor="1"><toString/><hasOwnProperty/></__proto__>');
    expect(root.name).toBe("__proto__");
    expect(attributeOf(root, "", "constructor")).toBe("1");
  });
});

describe("writing XML", () => {
  const name = fc.constantFrom("a", "Body", "x-y", "_1");
  const namespace = fc.constantFrom("", Ns.soap, Ns.wsman, "urn:x", "urn:y?a=1&b=<2>");
  const text = fc
    .string({ unit: "grapheme" })
    .filter((each) => !/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.test(each));
  const tree = fc.letrec<{ node: XmlElement }>((tie) => ({
    node: fc
      .tuple(
        namespace,
        name,
        fc.array(
          fc.oneof(
            { depthSize: "small" },
            text.filter((each) => each !== ""),
            tie("node"),
          ),
          { maxLength: 4 },
        ),
        text,
      )
      .map(([uri, local, children, value]) =>
        withAttribute(element(uri, local, ...children), "", "k", value),
      ),
  })).node;

  /** What reading cannot tell apart: neighbouring texts. */
  const merged = (target: XmlElement): XmlElement => {
    const children: XmlNode[] = [];
    for (const child of target.children) {
      const last = children.at(-1);
      if (typeof child === "string" && typeof last === "string") children[children.length - 1] = last + child;
      else children.push(isElement(child) ? merged(child) : child);
    }
    return { ...target, children };
  };

  it("is read back as the same tree", () => {
    fc.assert(
      fc.property(tree, (root) => {
        expect(readXml(writeXml(root))).toEqual(merged(root));
      }),
    );
  });

  it("replaces what XML cannot carry and keeps the document readable", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (value) => {
        readXml(writeXml(withAttribute(element("", "a", value), "", "k", value)));
      }),
    );
  });

  it("chooses prefixes for names in content", () => {
    const written = writeXml(element(Ns.soap, "Value", new XmlQName(Ns.wsman, "AccessDenied")));
    expect(written).toContain(">w:AccessDenied<");
    expect(written).toContain(`xmlns:w="${Ns.wsman}"`);
  });
});

it("mutated documents are read or refused by name", { timeout: stormTimeout }, () => {
  const seeds = [
    `<?xml version="1.0"?><s:Envelope xmlns:s="${Ns.soap}" xmlns="urn:d"><s:Header a='1'/><B x="&lt;&#x41;">t</B></s:Envelope>`,
    '<a xmlns:p="urn:p" p:k="v"><!-- c --><![CDATA[<x>]]>&amp;<p:b/></a>',
  ];
  storm(
    seeds.map((seed) => utf8(seed)),
    readXml,
  );
});
