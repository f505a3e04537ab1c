import { describe, expect, test } from "vitest";
import { formatPrincipal, NameType, parsePrincipal, samePrincipal } from "../src/index.ts";

describe("principal names (RFC 1964 2.1.1)", () => {
  test.each([
    ["alice@LAB.TEST", ["alice"], NameType.principal],
    ["host/kvm01.lab.test@LAB.TEST", ["host", "kvm01.lab.test"], NameType.srvHst],
    ["krbtgt/LAB.TEST@LAB.TEST", ["krbtgt", "LAB.TEST"], NameType.srvInst],
    [
      "Microsoft Virtual System Migration Service/kvm02@LAB.TEST",
      ["Microsoft Virtual System Migration Service", "kvm02"],
      NameType.srvHst,
    ],
    ["a\\/b\\@c@LAB.TEST", ["a/b@c"], NameType.principal],
    [
      "E3514235-4B06-11D1-AB04-00C04FC2DCD2/guid/lab.test@LAB.TEST",
      ["E3514235-4B06-11D1-AB04-00C04FC2DCD2", "guid", "lab.test"],
      NameType.principal,
    ],
    ["tab\\there@LAB.TEST", ["tab\there"], NameType.principal],
  ])("%s", (text, components, nameType) => {
    const principal = parsePrincipal(text);
    expect(principal).toEqual({ realm: "LAB.TEST", nameType, components });
    expect(formatPrincipal(principal)).toBe(text);
  });

  test.each([
    ["alice@corp.test", "LAB.TEST", ["alice@corp.test"]],
    ["alice@corp.test@OTHER.TEST", "OTHER.TEST", ["alice@corp.test"]],
    ["alice", "LAB.TEST", ["alice"]],
  ])("enterprise name %s is of realm %s", (text, realm, components) => {
    const options = { defaultRealm: "LAB.TEST", nameType: NameType.enterprise };
    expect(parsePrincipal(text, options)).toEqual({ realm, nameType: NameType.enterprise, components });
  });

  test.each(["alice", "alice@", "@LAB.TEST", "a@b@c", "alice\\", ""])("%j is refused", (text) => {
    expect(() => parsePrincipal(text)).toThrow(expect.objectContaining({ code: "INVALID_PRINCIPAL" }));
  });

  test("the name type is a hint and does not make another principal", () => {
    const principal = parsePrincipal("host/a@LAB.TEST");
    expect(samePrincipal(principal, { ...principal, nameType: NameType.unknown })).toBe(true);
    expect(samePrincipal(principal, { ...principal, realm: "lab.test" })).toBe(false);
  });
});
