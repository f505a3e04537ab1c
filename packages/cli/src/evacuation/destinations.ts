import type { HostStatus, HyperVClient } from "@waybill/hyperv";

export interface Candidate {
  /** Full name. */
  readonly host: string;
  /** Bytes that machines may still take there. */
  memoryFree: number;
}

/** Why a host is passed over. */
export interface PassedOver {
  readonly host: string;
  readonly reason: string;
}

/** What is left to the destination itself. */
const spare = 256 << 20;

/** Asks hosts whether they would take machines from `source` at all. */
export async function askCandidates(
  source: HostStatus,
  hosts: readonly string[],
  withHost: <T>(host: string, work: (client: HyperVClient) => Promise<T>) => Promise<T>,
): Promise<{ readonly candidates: Candidate[]; readonly passedOver: PassedOver[] }> {
  const candidates: Candidate[] = [];
  const passedOver: PassedOver[] = [];
  await Promise.all(
    hosts.map(async (host) => {
      try {
        const [status, settings] = await withHost(
          host,
          async (client) => [await client.hostStatus(), await client.migrationSettings()] as const,
        );
        const reason = objection(source, status, settings.enabled);
        if (reason === undefined) candidates.push({ host, memoryFree: (status.memoryFree ?? 0) - spare });
        else passedOver.push({ host, reason });
      } catch (error) {
        passedOver.push({ host, reason: error instanceof Error ? error.message : String(error) });
      }
    }),
  );
  return { candidates, passedOver };
}

function objection(source: HostStatus, status: HostStatus, enabled: boolean): string | undefined {
  if (!enabled) return "live migration is not enabled there";
  if (!status.callerRights.includes("accept")) return `${status.caller} has no right to bring machines there`;
  if (source.accelerator !== status.accelerator)
    return `it runs machines with ${status.accelerator ?? "something else"}, ${source.host} with ${source.accelerator ?? "something else"}`;
  return undefined;
}

/** Those with room for a machine, the emptiest first. */
export function withRoom(candidates: readonly Candidate[], bytes: number): Candidate[] {
  return candidates
    .filter(({ memoryFree }) => memoryFree >= bytes)
    .toSorted((left, right) => right.memoryFree - left.memoryFree);
}
