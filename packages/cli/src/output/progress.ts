import type { JobProgress } from "@waybill/hyperv";
import { formatBytes, formatDuration } from "./table.ts";

const barWidth = 24;

/** One line: bar, phase, pass, rate, what remains, the downtime to expect. */
export function formatProgress({ job, migration }: JobProgress): string {
  const filled = Math.round((barWidth * job.percent) / 100);
  const bar = `[${"#".repeat(filled)}${"-".repeat(barWidth - filled)}]`;
  if (migration === undefined) return `${bar} ${job.status ?? job.state}`;
  const disks = migration.diskTotal !== undefined && migration.diskTotal > 0;
  const facts = [
    migration.phase,
    ...(migration.pass > 0 ? [`pass ${migration.pass}`] : []),
    `${formatBytes(migration.bytesPerSecond)}/s`,
    ...(migration.phase === "disks" && disks
      ? [`${formatBytes(migration.diskTransferred ?? 0)} of ${formatBytes(migration.diskTotal ?? 0)}`]
      : [`${formatBytes(migration.memoryRemaining)} left`]),
    ...(migration.expectedDowntime === undefined
      ? []
      : [`downtime ≈ ${formatDuration(migration.expectedDowntime)}`]),
  ];
  return `${bar} ${facts.join(", ")}`;
}
