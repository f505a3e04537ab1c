import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { explain, knowledgeBase } from "@waybill/doctor";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const best = (text: string): string | undefined => explain(text).matches[0]?.entry.name;
const root = fileURLToPath(new URL("../../../../", import.meta.url));

describe("spellings of one code", () => {
  it.each([
    "0x8009030E",
    "0X8009030e",
    "8009030e",
    "8009030E",
    "-2146893042",
    "\u22122146893042",
    "2148074254",
    "&H8009030E",
    "(0x8009030E).",
    "HRESULT=0x8009030E;",
    "SEC_E_NO_CREDENTIALS",
    "sec_e_no_credentials",
  ])("%s", (text) => expect(best(text)).toBe("SEC_E_NO_CREDENTIALS"));

  it("takes eight digits for hexadecimal only where they are a known code or look like one", () => {
    expect(best("80070005")).toBe("E_ACCESSDENIED");
    expect(explain("on 20261122 at 10:33:12, serial 12345678")).toEqual({
      matches: [],
      undocumentedEvents: [],
      unknown: [],
    });
  });
});

describe("messages", () => {
  it.each([
    ["No credentials are available in the security package (0x8009030E)", "SEC_E_NO_CREDENTIALS"],
    [
      "The Virtual Machine Management Service failed to authenticate the connection for a Virtual Machine migration\n" +
        "at the source host: no suitable credentials available. Make sure the operation is initiated on the source host",
      "No suitable credentials at the source host",
    ],
    ["The credentials supplied to the package were not recognized (0x8009030D)", "SEC_E_UNKNOWN_CREDENTIALS"],
    ["The target principal name is incorrect. (0x80090322)", "SEC_E_WRONG_PRINCIPAL"],
    [
      "Failed to create Planned Virtual Machine at migration destination: Logon failure: the user has not been granted " +
        "the requested logon type at this computer. (0x80070569)",
      "ERROR_LOGON_TYPE_NOT_GRANTED",
    ],
    [
      "error code 0x8009030e: A specified logon session does not exist. It may already have been terminated.",
      "Second hop over WinRM",
    ],
    [
      "Failed to perform migration on virtual machine 'web' because virtual machine migration limit '2' was reached, " +
        "please wait for completion of an ongoing migration operation.",
      "Migration limit reached",
    ],
    ["Could not find Ethernet switch 'External'.", "Switch name differs"],
    ["kvno: KDC can't fulfill requested option while getting credentials", "KDC_ERR_BADOPTION"],
    ["kvno: Server cifs/hv9@LAB.TEST not found in Kerberos database", "KDC_ERR_S_PRINCIPAL_UNKNOWN"],
  ])("%s", (text, name) => expect(best(text)).toBe(name));

  it("answers about the most specific of several and lists the others", () => {
    const { matches } = explain(
      "Event ID 21502: live migration of 'web' failed. General access denied error (0x80070005). " +
        "Could not find Ethernet switch 'x'. Unspecified error (0x80004005)",
    );
    expect(matches.map(({ entry }) => entry.name)).toEqual([
      "Switch name differs",
      "E_ACCESSDENIED",
      "Event 21502",
      "E_FAIL",
    ]);
  });
});

describe("short numbers", () => {
  it.each([
    ["20306", "Event 20306"],
    ["event 14050", "Event 14050"],
    ["Ereignis-ID: 21024", "Event 21024"],
    ["Événement 1106", "Event 1106"],
    ["イベント ID 20417", "Event 20417"],
    ["Kerberos error 13", "KDC_ERR_BADOPTION"],
    ["Failure Code: 0x29", "KRB_AP_ERR_MODIFIED"],
    ["krb 37", "KRB_AP_ERR_SKEW"],
    ["ReturnValue : 32769", "ReturnValue 32769: Access denied"],
  ])("%s", (text, name) => expect(best(text)).toBe(name));

  it("asserts nothing of events that no source documents", () => {
    for (const id of [22038, 22040, 20308, 20400, 21026, 16010])
      expect(explain(`event ${id}`)).toEqual({ matches: [], undocumentedEvents: [id], unknown: [] });
  });

  it("leaves numbers without a hint alone", () => {
    expect(explain("moved 13 machines to 10.0.0.41 in 37 s, port 6600").matches).toEqual([]);
  });
});

describe("what is not known", () => {
  it("says what the form of a code tells", () => {
    expect(explain("0x80071234").unknown).toEqual([
      { seen: "0x80071234", hint: expect.stringContaining("Windows error 4660") as string },
    ]);
    expect(explain("hello").matches).toEqual([]);
  });

  it("takes any text without failing, in reasonable time", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        expect(Array.isArray(explain(text).matches)).toBe(true);
      }),
    );
    const start = performance.now();
    for (const piece of ["0x", "8", "event ", "-", "a_", "A", "é"]) explain(piece.repeat(400_000));
    expect(performance.now() - start).toBeLessThan(20_000);
  });
});

describe("the knowledge base", () => {
  it("has an entry for every code that Waybill's own errors carry", () => {
    const known = new Set(knowledgeBase.map(({ name }) => name));
    const missing = [...ownCodes()].filter((code) => !known.has(code)).sort();
    expect(missing).toEqual([]);
  });

  it("names each thing once, with a meaning and a remedy", () => {
    const names = knowledgeBase.map(({ name }) => name.toLowerCase());
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    for (const { name, meaning, remedy } of knowledgeBase) {
      expect(meaning, name).toMatch(/[.:]$/);
      expect(remedy, name).toMatch(/\S/);
    }
  });

  it("writes known sentences in lower case, as they are compared", () => {
    for (const { texts = [] } of knowledgeBase)
      for (const fragment of texts.flat()) expect(fragment).toBe(fragment.toLowerCase());
  });

  it("links to headings that the documentation has", () => {
    const headings = [...readFileSync(`${root}docs/errors.md`, "utf8").matchAll(/^#+ (.*)$/gm)].map(
      ([, title = ""]) =>
        title
          .toLowerCase()
          .replace(/[^\w\s-]/g, "")
          .replaceAll(" ", "-"),
    );
    const links = new Set(knowledgeBase.filter(({ kind }) => kind !== "finding").map(({ docs }) => docs));
    for (const link of links) expect(headings, link).toContain(link.split("#")[1]);
  });
});

/** Codes in the sources: literals after `code:`, and the unions and tables of the error classes. */
function ownCodes(): Set<string> {
  const codes = new Set<string>();
  for (const path of sources(`${root}packages`)) {
    const text = readFileSync(path, "utf8");
    // Codes without an underscore that begin with E are the system's.
    for (const [, code = ""] of text.matchAll(/\bcode: "(?!E[A-Z]+")([A-Z][A-Z0-9_]+)"/g)) codes.add(code);
    for (const [, code = ""] of text.matchAll(/^ {2}\| "([A-Z][A-Z0-9]*_[A-Z0-9_]+)";?$/gm)) codes.add(code);
    for (const [code] of text.matchAll(/\b(?:GSS|LDAP)_[A-Z_]+\b(?=: "(?:peer|caller|environment|bug)"|")/g))
      codes.add(code);
  }
  return codes;
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map(({ parentPath, name }) => `${parentPath}/${name}`)
    .filter((path) => /\/packages\/[a-z0-9]+\/src\//.test(path));
}
