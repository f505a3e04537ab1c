/** MigrationType of Msvm_VirtualSystemMigrationSettingData, by Waybill's names. */
export const MigrationTypeNumber = {
  vm: 32768,
  storage: 32769,
  staged: 32770,
  vmAndStorage: 32771,
  storageDeepCheck: 32772,
} as const;

export type MigrationType = keyof typeof MigrationTypeNumber;

export function migrationTypeOf(value: number): MigrationType | undefined {
  for (const [name, type] of Object.entries(MigrationTypeNumber))
    if (type === value) return name as MigrationType;
  return undefined;
}

/** TransportType: 5 is TCP in CIM, 32768 is Hyper-V's SMB. */
export const TransportType = { tcp: 5, smb: 32768 } as const;

/** AuthenticationType of the migration service. */
export const AuthenticationType = { credSsp: 0, kerberos: 1 } as const;

/** DestinationHostFormatsSupported. */
export const HostFormat = { domainName: 2, ipv4: 3, ipv6: 4 } as const;
