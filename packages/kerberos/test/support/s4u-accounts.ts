import { AccountFlags, migrationService, sambaComputer, sambaUser } from "./samba-accounts.ts";
import type { SambaOperation } from "./samba-domain.ts";

/**
 * People and hosts in every delegation setting there is:
 * KVM01 "Kerberos only" to KVM02, KVM03 "any authentication protocol" to KVM02, KVM04 nothing, KVM05 the flag without a
 * list, KVM06 allowed on KVM07 (resource-based); alice and bob, sens (sensitive), prot (Protected Users), disab
 * (disabled), mustchg (must change the password), expd (account expired).
 */
export function s4uAccounts(domain: string): SambaOperation[] {
  const to = [migrationService, "cifs"].flatMap((service) => [
    `${service}/kvm02.${domain}`,
    `${service}/KVM02`,
  ]);
  const any = AccountFlags.trustedToAuthForDelegation;
  const forever = AccountFlags.passwordNeverExpires;
  const people = [
    { name: "alice" },
    { name: "bob" },
    { name: "sens", flags: forever | AccountFlags.notDelegated },
    { name: "prot" },
    { name: "disab", flags: forever | AccountFlags.disabled },
    { name: "mustchg", flags: 0 },
    { name: "expd" },
  ];
  const hosts = [
    { name: "KVM01", delegateTo: to },
    { name: "KVM02" },
    { name: "KVM03", delegateTo: to, flags: any },
    { name: "KVM04" },
    { name: "KVM05", flags: any },
    { name: "KVM06" },
    { name: "KVM07" },
  ];
  return [
    ...people.flatMap((person) => sambaUser(domain, person)),
    ...hosts.flatMap((host) => sambaComputer(domain, host)),
    { op: "member", group: "Protected Users", names: ["prot"], member: true },
    { op: "modify", name: "mustchg", attributes: { pwdLastSet: "0" } },
    { op: "modify", name: "expd", attributes: { accountExpires: "116444736000000000" } },
    { op: "allow", name: "KVM07$", from: ["KVM06$"] },
  ];
}
