import type { JobProgress } from "@waybill/hyperv";
import { formatBytes, formatDuration } from "./table.ts";

const barWidth = 20;
const ended: ReadonlySet<string> = new Set(["completed", "cancelled", "failed"]);

/** One line: bar, phase, pass, rate, what remains, the downtime to expect; what is not known yet is left out. */
export function formatProgress({ job, migration }: JobProgress): string {
  const filled = Math.round((barWidth * job.percent) / 100);
  const bar = `[${"#".repeat(filled)}${"-".repeat(barWidth - filled)}]`;
  if (migration === undefined) return `${bar} ${job.status ?? job.state}`;
  const { phase, pass, bytesPerSecond, memoryRemaining, expectedDowntime } = migration;
  const { diskTotal = 0, diskTransferred = 0 } = migration;
  if (ended.has(phase)) return `${bar} ${phase}`;
  const remaining =
    phase === "disks" && diskTotal > 0
      ? [`${formatBytes(diskTransferred)} of ${formatBytes(diskTotal)}`]
      : memoryRemaining > 0
        ? [`${formatBytes(memoryRemaining)} left`]
        : [];
  const facts = [
    phase,
    ...(pass > 0 ? [`pass ${pass}`] : []),
    ...(bytesPerSecond > 0 ? [`${formatBytes(bytesPerSecond)}/s`] : []),
    ...remaining,
    ...(expectedDowntime === undefined || bytesPerSecond === 0
      ? []
      : [`downtime ≈ ${formatDuration(expectedDowntime)}`]),
  ];
  return `${bar} ${facts.join(", ")}`;
}
