import type { MigrationOptions } from "@waybill/qemu";
import { defaultMigrationOptions } from "@waybill/qemu";
import type { TransferOptions } from "./messages.ts";

/** Limits that concern only the source's QEMU. */
export interface SourceLimits {
  /** Bytes per second; 0 is no limit. */
  readonly maxBandwidth: number;
  /** Milliseconds the guest may stand still at the switchover. */
  readonly downtimeLimit: number;
  readonly autoConverge: boolean;
}

export const defaultSourceLimits: SourceLimits = {
  maxBandwidth: defaultMigrationOptions.maxBandwidth,
  downtimeLimit: defaultMigrationOptions.downtimeLimit,
  autoConverge: true,
};

/** Hyper-V's performance options in QEMU's terms. Both hosts derive the same from the same message. */
export function qemuOptions(
  options: TransferOptions,
  limits: SourceLimits = defaultSourceLimits,
): MigrationOptions {
  return {
    channels: options.performance === "multifd" ? Math.max(2, options.channels) : 1,
    compression: options.performance === "compression" ? "zstd" : "none",
    autoConverge: limits.autoConverge && !options.postCopy,
    postCopy: options.postCopy,
    maxBandwidth: limits.maxBandwidth,
    downtimeLimit: limits.downtimeLimit,
  };
}
