import type { Account, DirectoryView } from "@waybill/directory";
import { DoctorError } from "../errors.ts";

/** A person as typed: `alice`, `LAB\alice`, `alice@lab.test`, a SID or a DN. @throws DoctorError UNKNOWN_PERSON */
export function findPerson(view: DirectoryView, who: string | Account): Account {
  if (typeof who !== "string") return who;
  const name = who.slice(who.indexOf("\\") + 1);
  const found =
    (who.includes("=") ? view.byDn(who) : undefined) ??
    (/^S-1-/i.test(who) ? view.bySid(who.toUpperCase()) : undefined) ??
    (who.includes("@") ? view.byUpn(who) : view.bySam(name)) ??
    view.byUpn(`${name}@${view.domain.dnsName}`);
  if (found !== undefined) return found;
  throw new DoctorError(`there is no account "${who.slice(0, 120)}" in ${view.domain.realm}`, {
    code: "UNKNOWN_PERSON",
    family: "caller",
    facts: { who: who.slice(0, 120) },
    remedy: "Name the person by account name, user@domain, SID or distinguished name.",
  });
}

/** A host as typed: `kvm01`, `KVM01$`, `kvm01.lab.test`, a SID or a DN. @throws DoctorError UNKNOWN_HOST */
export function findHost(view: DirectoryView, host: string | Account): Account {
  if (typeof host !== "string") return host;
  const bare = host.replace(/\.$/, "").slice(host.indexOf("\\") + 1);
  const short = bare.split(".")[0] ?? bare;
  const found =
    (host.includes("=") ? view.byDn(host) : undefined) ??
    (/^S-1-/i.test(host) ? view.bySid(host.toUpperCase()) : undefined) ??
    view.bySam(bare.endsWith("$") ? bare : `${bare}$`) ??
    view.bySpn(`HOST/${bare}`) ??
    hostNamed(view, bare, `${short}$`);
  if (found !== undefined) return found;
  throw new DoctorError(`there is no computer "${host.slice(0, 120)}" in ${view.domain.realm}`, {
    code: "UNKNOWN_HOST",
    family: "caller",
    facts: { host: host.slice(0, 120) },
    remedy: "Name the host by computer account or full DNS name; it must be joined to this domain.",
  });
}

function hostNamed(view: DirectoryView, fullName: string, samAccountName: string): Account | undefined {
  const account = view.bySam(samAccountName);
  if (account === undefined || !fullName.includes(".")) return undefined;
  const known = account.dnsHostName ?? `${samAccountName.slice(0, -1)}.${view.domain.dnsName}`;
  return known.toLowerCase() === fullName.toLowerCase() ? account : undefined;
}
