import { writeFileSync } from "node:fs";
import type { LabDomain } from "./lab-domain.ts";
import { fullLabName, labAddress, labHosts, labPaths, labPorts, labRealm } from "./layout.ts";

/** krb5.conf for MIT's tools and for ours, and the workstation's list of hosts. */
export function writeWorkstationFiles({ layout, ports }: LabDomain): void {
  const { krb5Conf, workstationConfig } = labPaths(layout);
  const dc = labAddress(layout, "dc1");
  writeFileSync(
    krb5Conf,
    `[libdefaults]
  default_realm = ${labRealm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  forwardable = true

[realms]
  ${labRealm} = {
    kdc = ${dc}:${ports.kdc}
    kpasswd_server = ${dc}:${ports.kpasswd}
  }

[domain_realm]
  .lab.test = ${labRealm}
  lab.test = ${labRealm}
`,
    { mode: 0o644 },
  );
  const hosts = labHosts.map(
    (host) => `  ${fullLabName(host)}: {address: ${labAddress(layout, host)}, port: ${labPorts.wsman}}\n`,
  );
  writeFileSync(
    workstationConfig,
    `hosts:\n${hosts.join("")}ldap: {address: ${dc}, port: ${ports.ldap}, name: ${fullLabName("dc1")}}\n`,
    { mode: 0o644 },
  );
}
