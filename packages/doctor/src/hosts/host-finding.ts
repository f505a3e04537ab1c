import { docsOf, type FindingId, findingKinds } from "../findings/catalogue.ts";
import type { Evidence, Finding } from "../findings/finding.ts";
import type { HostReading } from "./host-reading.ts";

/** What a finding about a host has to say; the rest its kind fixes. */
export type Parts = Omit<Finding, "id" | "severity" | "docs"> & Partial<Pick<Finding, "severity">>;

/** A finding that was read from the host itself. */
export function hostFinding({ management }: HostReading, id: FindingId, parts: Parts): Finding {
  const readFrom = `${management.address}:${management.port}`;
  return {
    id,
    severity: findingKinds[id].severity,
    docs: docsOf(id),
    ...parts,
    evidence: parts.evidence.map((one) => ({ readFrom, ...one })),
  };
}

/** What the host says. */
export function fact({ account, name }: HostReading, attribute: string, value: string): Evidence {
  return { object: name, account: account.samAccountName, attribute, value };
}

/** What the directory says of the host's account. */
export function directoryFact({ account }: HostReading, attribute: string, value: string): Evidence {
  return { object: account.dn, account: account.samAccountName, attribute, value, readFrom: "the directory" };
}
