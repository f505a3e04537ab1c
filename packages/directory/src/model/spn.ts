/** sPNMappings of CN=Directory Service: service classes that every computer's HOST name stands for. */
export const hostAliases: ReadonlySet<string> = new Set(
  (
    "alerter appmgmt cisvc clipsrv browser dhcp dnscache replicator eventlog eventsystem policyagent oakley " +
    "dmserver dns mcsvc fax msiserver ias messenger netlogon netman netdde netddedsm nmagent plugplay " +
    "protectedstorage rasman rpclocator rpc rpcss remoteaccess rsvp samss scardsvr scesrv seclogon scm dcom " +
    "cifs spooler snmp schedule tapisrv trksvr trkwks ups time wins www http w3svc iisadmin msdtc"
  ).split(" "),
);

export interface Spn {
  readonly serviceClass: string;
  /** Host, with port or instance if given: `sql01.lab.test:1433`. */
  readonly host: string;
  /** Third part, as in `ldap/dc1.lab.test/lab.test`. */
  readonly serviceName?: string | undefined;
}

/** Splits `class/host[:port][/name]`; `undefined` when it is no SPN. Service classes may contain spaces. */
export function parseSpn(text: string): Spn | undefined {
  const parts = text.split("/");
  const [serviceClass, host, serviceName] = parts;
  if (parts.length > 3 || !serviceClass || !host || serviceName === "") return undefined;
  return serviceName === undefined ? { serviceClass, host } : { serviceClass, host, serviceName };
}

/** SPNs are compared whole, whatever the case of their letters. */
export function spnKey(spn: string): string {
  return spn.toLowerCase();
}

/** The HOST name that covers an SPN when nobody registered it: `host/kvm01` for `cifs/kvm01`. */
export function hostAliasOf(spn: string, aliases: ReadonlySet<string> = hostAliases): string | undefined {
  const slash = spn.indexOf("/");
  if (slash < 0 || !aliases.has(spn.slice(0, slash).toLowerCase())) return undefined;
  return `host${spn.slice(slash)}`.toLowerCase();
}

/** The service class Hyper-V hosts register for live migration. */
export const migrationServiceClass = "Microsoft Virtual System Migration Service";

/** The SPNs a computer gets when it joins, in short and full form. */
export function usualComputerSpns(name: string, dnsHostName: string, migration = false): string[] {
  const classes = ["HOST", "RestrictedKrbHost", "WSMAN", ...(migration ? [migrationServiceClass] : [])];
  return classes.flatMap((serviceClass) => [`${serviceClass}/${name}`, `${serviceClass}/${dnsHostName}`]);
}
