import { labRealm } from "../layout.ts";

/** smb.conf of a domain controller that lives in one directory, on one address, with Kerberos and LDAP only. */
export function sambaConf(directory: string, address: string): string {
  return `[global]
  netbios name = DC1
  realm = ${labRealm}
  workgroup = ${labRealm.split(".")[0]}
  server role = active directory domain controller
  server services = ldap, kdc
  interfaces = ${address}/8
  bind interfaces only = yes
  dns forwarder =
  disable netbios = yes
  log level = 1
  log file = ${directory}/samba.log
  logging = file
  max log size = 0
  private dir = ${directory}/private
  state directory = ${directory}/state
  cache directory = ${directory}/cache
  lock directory = ${directory}
  binddns dir = ${directory}/bind-dns
  pid directory = ${directory}/run
  ncalrpc dir = ${directory}/run/ncalrpc
  ntp signd socket directory = ${directory}/run/ntp_signd
  winbindd socket directory = ${directory}/run/winbindd
  load printers = no
  printing = bsd
  disable spoolss = yes
  tls enabled = no
`;
}
