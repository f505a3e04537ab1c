import { escapeServiceName } from "@waybill/kdc";
import { LdapEntry, matchesFilter, parseFilter } from "@waybill/ldap";
import { expect, it } from "vitest";
import { relevantAccounts } from "../../src/session/ask-doctor.ts";

const filter = parseFilter(relevantAccounts("alice", "kvm01.lab.test", "kvm02.lab.test"));
const service = "Microsoft Virtual System Migration Service/kvm02.lab.test";

function isRead(type: string, value: string): boolean {
  const entry = new LdapEntry("CN=x,DC=lab,DC=test", [{ type, values: [new TextEncoder().encode(value)] }]);
  return matchesFilter(filter, entry, { syntaxOf: () => "unicode" });
}

it.each([
  ["sAMAccountName", "alice"],
  ["sAMAccountName", "krbtgt"],
  ["dNSHostName", "KVM01.lab.test"],
  ["dNSHostName", "kvm02.lab.test"],
  ["servicePrincipalName", service],
  // As Samba's KDC looks it up: whoever owns this spelling too makes it a duplicate.
  ["servicePrincipalName", escapeServiceName(service)],
])("the doctor behind a refused move reads whose %s is %s", (attribute, value) => {
  expect(isRead(attribute, value)).toBe(true);
});

it("reads no other people and services", () => {
  expect(isRead("sAMAccountName", "bob")).toBe(false);
  expect(isRead("servicePrincipalName", "HTTP/kvm02.lab.test")).toBe(false);
});
