import { MemoryDirectory, migrationServiceClass } from "@waybill/directory";

export const seedNames = (host: string): string[] => [
  `${migrationServiceClass}/${host}`,
  `${migrationServiceClass}/${host}.lab.test`,
];

/** A domain with two hosts and alice, nothing delegated. */
export function twoHosts(): MemoryDirectory {
  const directory = new MemoryDirectory({ realm: "LAB.TEST" });
  directory.createUser({ name: "alice", password: "Passw0rd!" });
  for (const name of ["KVM01", "KVM02"]) directory.createComputer({ name, migration: true });
  return directory;
}

/** The seed: delegation both ways with "Use Kerberos only". */
export function seedDomain(): MemoryDirectory {
  const directory = twoHosts();
  directory.setDelegation("KVM01", { to: seedNames("kvm02"), protocol: "kerberos" });
  directory.setDelegation("KVM02", { to: seedNames("kvm01"), protocol: "kerberos" });
  return directory;
}
