import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  defaultCacheName,
  expandTokens,
  loadKrb5Conf,
  parseConfBoolean,
  parseConfDuration,
  parseKrb5Conf,
} from "../../src/index.ts";

const sample = `
anything before the first section is a comment
[libdefaults]
  # a comment
  default_realm = LAB.TEST
  ; another
	dns_lookup_kdc = false
  permitted_enctypes = aes256-cts aes128-cts, bogus
  ticket_lifetime = 10h
  clockskew = 120
  note = "quoted \\"text\\"\\n with # in it  "   trailing
  default_ccache_name = FILE:/run/%{uid}/cc_%{username}

[realms]
  LAB.TEST = {
    kdc = dc1.lab.test:88
    kdc = dc2.lab.test
    sub =
    {
      deep = yes
    }
  }
[domain_realm]
  .lab.test = LAB.TEST
  special.lab.test = OTHER.TEST
  bare.test = BARE.TEST
[capaths]
  A.TEST = {
    B.TEST = M.TEST N.TEST
    C.TEST = .
  }
[realms]
  LAB.TEST = {
    kdc = dc3.lab.test
  }
`;

describe("krb5.conf", () => {
  const conf = parseKrb5Conf(sample);

  it("has relations, sub-sections and several values, sections of one name being one", () => {
    expect(conf.defaultRealm).toBe("LAB.TEST");
    expect(conf.servers("LAB.TEST", "kdc")).toEqual(["dc1.lab.test:88", "dc2.lab.test", "dc3.lab.test"]);
    expect(conf.boolean("realms", "LAB.TEST", "sub", "deep")).toBe(true);
    expect(conf.names("realms")).toEqual(["LAB.TEST"]);
    expect(conf.value("libdefaults", "note")).toBe('quoted "text"\n with # in it  ');
    expect(conf.value("nothing", "here")).toBeUndefined();
  });

  it("gives typed settings and MIT's defaults", () => {
    expect(conf.libdefaults).toMatchObject({
      defaultRealm: "LAB.TEST",
      dnsLookupKdc: false,
      forwardable: false,
      ticketLifetime: 36_000_000,
      clockSkew: 120_000,
      permittedEncTypes: [18, 17],
      ticketEncTypes: [18, 17],
      udpPreferenceLimit: 1465,
    });
    expect(defaultCacheName(conf, { uid: 7, username: "alice", temporaryDirectory: "/tmp" })).toBe(
      "FILE:/run/7/cc_alice",
    );
    expect(defaultCacheName(parseKrb5Conf(""), { uid: 7, username: "a", temporaryDirectory: "/tmp" })).toBe(
      "FILE:/tmp/krb5cc_7",
    );
  });

  it("finds the realm of a host and the path between realms", () => {
    expect(conf.realmOfHost("KVM01.lab.test.")).toBe("LAB.TEST");
    expect(conf.realmOfHost("special.lab.test")).toBe("OTHER.TEST");
    expect(conf.realmOfHost("lab.test")).toBeUndefined();
    expect(conf.realmOfHost("x.y.bare.test")).toBe("BARE.TEST");
    expect(conf.transitPath("A.TEST", "B.TEST")).toEqual(["M.TEST", "N.TEST"]);
    expect(conf.transitPath("A.TEST", "C.TEST")).toEqual([]);
    expect(conf.transitPath("A.TEST", "D.TEST")).toBeUndefined();
  });

  it("refuses a value of the wrong kind by name", () => {
    expect(() => conf.boolean("libdefaults", "default_realm")).toThrow(
      expect.objectContaining({
        code: "BAD_CONF_VALUE",
        facts: expect.objectContaining({ value: "LAB.TEST" }),
      }),
    );
    expect(() => expandTokens("%{nonsense}", { uid: 0, username: "", temporaryDirectory: "" })).toThrow(
      expect.objectContaining({ code: "BAD_CONF_VALUE" }),
    );
  });

  it.each([
    ["of a section", "[a]*\nx = 1\n[a]\nx = 2\ny = 3\n", ["1"]],
    ["of a relation", "[a]\nx* = 1\nx = 2\n", ["1"]],
    ["of nothing", "[a]\nx = 1\n[a]\nx = 2\n", ["1", "2"]],
  ])("final marks: %s", (_, text, values) => {
    expect(parseKrb5Conf(text).values("a", "x")).toEqual(values);
  });

  it("final mark of a sub-section, at its beginning or end", () => {
    for (const [open, close] of [
      ["s* = {", "}"],
      ["s = {", "}*"],
    ]) {
      const conf = parseKrb5Conf(`[a]\n${open}\nx = 1\n${close}\ns = {\nx = 2\n}\nafter = 3\n`);
      expect(conf.values("a", "s", "x")).toEqual(["1"]);
      expect(conf.value("a", "after")).toBe("3");
    }
  });

  it.each([
    ["[a]\nnonsense", 2, "has no ="],
    ["[a]\nx y = 1", 2, "not one word"],
    ["[a", 1, "[name]"],
    ["[a]\n}", 2, "no opening one"],
    ["[a]\nx =\ny = 1", 3, "brace is missing"],
    ["[a]\nx = {\n[b]", 3, "before the last sub-section"],
    ["include /etc/x", 1, "cannot be followed"],
  ])("refuses %j", (text, line, reason) => {
    expect(() => parseKrb5Conf(text)).toThrow(
      expect.objectContaining({
        code: "MALFORMED_KRB5_CONF",
        facts: expect.objectContaining({ line, reason: expect.stringContaining(reason) }),
      }),
    );
  });
});

describe("values", () => {
  it.each([
    ["600", 600],
    ["10h", 36_000],
    ["1d 2h 3m 4s", 93_784],
    ["1d2h", 93_600],
    ["10:30", 37_800],
    ["10:30:15", 37_815],
    ["2-01:00:00", 176_400],
    ["5m", 300],
  ])("the duration %j", (text, seconds) => {
    expect(parseConfDuration(text)).toBe(seconds * 1000);
  });

  it("that are none", () => {
    for (const text of ["", "soon", "1x", "-5"]) expect(parseConfDuration(text)).toBeUndefined();
    expect(parseConfBoolean("maybe")).toBeUndefined();
    expect(["YES", "t", "1", "On"].map(parseConfBoolean)).toEqual([true, true, true, true]);
    expect(["No", "nil", "0", "OFF"].map(parseConfBoolean)).toEqual([false, false, false, false]);
  });
});

describe("files", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "waybill-conf-"));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it("include others, and of a directory the files MIT takes", async () => {
    const parts = join(directory, "parts");
    await mkdir(parts);
    await writeFile(join(directory, "one"), "[libdefaults]\ndefault_realm = ONE\n");
    await writeFile(join(parts, "a.conf"), "[x]\nv = a\n");
    await writeFile(join(parts, "b"), "[x]\nv = b\n");
    await writeFile(join(parts, "c.conf~"), "[x]\nv = c\n");
    await writeFile(join(parts, ".d.conf"), "[x]\nv = d\n");
    const main = join(directory, "krb5.conf");
    await writeFile(main, `include ${join(directory, "one")}\nincludedir ${parts}\n[x]\nv = main\n`);
    const conf = loadKrb5Conf(main);
    expect(conf.defaultRealm).toBe("ONE");
    expect(conf.values("x", "v")).toEqual(["a", "b", "main"]);
  });

  it("are read in order; missing ones are passed over unless all are", async () => {
    const [first, second] = [join(directory, "1"), join(directory, "2")];
    await writeFile(first, "[libdefaults]*\ndefault_realm = ONE\n");
    await writeFile(second, "[libdefaults]\ndefault_realm = TWO\nrdns = false\n[realms]\nR = {\n}\n");
    const conf = loadKrb5Conf([first, join(directory, "none"), second]);
    expect(conf.values("libdefaults", "default_realm")).toEqual(["ONE"]);
    expect(conf.boolean("libdefaults", "rdns")).toBeUndefined();
    expect(conf.names("realms")).toEqual(["R"]);
    expect(() => loadKrb5Conf(join(directory, "none"))).toThrow(
      expect.objectContaining({ code: "FILE_NOT_FOUND" }),
    );
  });

  it("that include themselves are refused", async () => {
    const main = join(directory, "krb5.conf");
    await writeFile(main, `include ${main}\n`);
    expect(() => loadKrb5Conf(main)).toThrow(expect.objectContaining({ code: "MALFORMED_KRB5_CONF" }));
  });
});
