import { describe, expect, test } from "vitest";
import { invalidCredentials, LdapError, parseWindowsDiagnostic, resultCodeName } from "../src/index.ts";

describe("results as errors", () => {
  // Text as Windows Server writes it (MS-ADTS 3.1.1.3.1.9 describes the form).
  const denied = "00002098: SecErr: DSID-03150F94, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0\n\0";

  test("AD's code inside the text is explained", () => {
    const error = new LdapError({ resultCode: 50, diagnosticMessage: denied, operation: "modifying CN=a" });
    expect(error).toMatchObject({
      code: "LDAP_INSUFFICIENT_ACCESS_RIGHTS",
      resultName: "insufficientAccessRights",
      family: "caller",
      windows: { code: 0x2098, data: 0, known: { name: "ERROR_DS_INSUFF_ACCESS_RIGHTS" } },
    });
    expect(error.message).toBe(
      "modifying CN=a: insufficientAccessRights: the account lacks the right on this object or attribute (ERROR_DS_INSUFF_ACCESS_RIGHTS)",
    );
    expect(error.remedy).toContain("delegated");
    expect(error.is("insufficientAccessRights")).toBe(true);
  });

  test.each([
    ["wrongPassword", 0x52e, "ERROR_LOGON_FAILURE"],
    ["accountDisabled", 0x533, "ERROR_ACCOUNT_DISABLED"],
    ["passwordExpired", 0x532, "ERROR_PASSWORD_EXPIRED"],
    ["lockedOut", 0x775, "ERROR_ACCOUNT_LOCKED_OUT"],
    ["badChannelBinding", 0x80090346, "SEC_E_BAD_BINDINGS"],
  ] as const)("a bind refused for %s reads back", (reason, data, name) => {
    const { windows } = invalidCredentials(reason);
    expect(windows).toMatchObject({ data, known: { name } });
  });

  test("text of another form stays as it is, on one line", () => {
    const error = new LdapError({
      resultCode: "noSuchObject",
      diagnosticMessage: "not\there\n",
      matchedDn: "DC=a",
    });
    expect(error.windows).toBeUndefined();
    expect(error.message).toBe("noSuchObject: not here");
    expect(error.matchedDn).toBe("DC=a");
    expect(parseWindowsDiagnostic("0000XYZ: x")).toBeUndefined();
  });

  test("unknown numbers keep their number", () => {
    expect(resultCodeName(4096)).toBe("resultCode(4096)");
    expect(new LdapError({ resultCode: 4096 }).code).toBe("LDAP_RESULT_CODE_4096");
  });
});
