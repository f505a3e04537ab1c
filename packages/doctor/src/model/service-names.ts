import { type Account, type Domain, migrationServiceClass } from "@waybill/directory";

/** What a live migration asks the destination for: the VM's memory, and its storage when that moves too. */
export type MigrationService = "migration" | "storage";

/** How the destination is called in a service name: Windows asks for it as the administrator typed it. */
export type NameSpelling = "short" | "full";

export const serviceClassOf: Readonly<Record<MigrationService, string>> = {
  migration: migrationServiceClass,
  storage: "cifs",
};

export const managementServiceClass = "WSMAN";

/** A computer's name without the `$`. */
export function shortNameOf(host: Account): string {
  return host.samAccountName.replace(/\$$/, "");
}

/** A computer's full DNS name. */
export function fullNameOf(host: Account, domain: Domain): string {
  return host.dnsHostName ?? `${shortNameOf(host).toLowerCase()}.${domain.dnsName}`;
}

export interface TargetName {
  readonly service: MigrationService;
  readonly spelling: NameSpelling;
  readonly spn: string;
}

/** Every service name a migration to a host may need a ticket for. */
export function targetNames(
  host: Account,
  domain: Domain,
  services: readonly MigrationService[],
  spellings: readonly NameSpelling[],
): TargetName[] {
  const names = { short: shortNameOf(host), full: fullNameOf(host, domain) };
  return services.flatMap((service) =>
    spellings.map((spelling) => ({
      service,
      spelling,
      spn: `${serviceClassOf[service]}/${names[spelling]}`,
    })),
  );
}
