import { FieldReader, refuseProblems } from "../definition/field-reader.ts";

/**
 * How memory travels. Both sides must be given the same: QEMU hangs or fails without a reason when, for
 * example, only one side uses several connections.
 */
export interface MigrationOptions {
  /** Connections for memory; 1 is the plain single stream, more is multifd. At most 32. */
  readonly channels: number;
  /** Compression of memory pages, on the way; works with any number of channels. */
  readonly compression: "none" | "zstd" | "zlib";
  /** Slows the guest down step by step when it writes faster than memory travels. */
  readonly autoConverge: boolean;
  /** Makes `switchToPostCopy` possible. Needs userfaultfd at the destination. */
  readonly postCopy: boolean;
  /** Bytes per second for memory, over all channels; 0 is no limit. */
  readonly maxBandwidth: number;
  /** Switchover starts when what is left would take at most this long, in ms. */
  readonly downtimeLimit: number;
}

export const defaultMigrationOptions: MigrationOptions = {
  channels: 1,
  compression: "none",
  autoConverge: false,
  postCopy: false,
  maxBandwidth: 0,
  downtimeLimit: 300,
};

/** @throws DefinitionError for values out of range and combinations QEMU cannot do. */
export function parseMigrationOptions(value: unknown): MigrationOptions {
  const problems: string[] = [];
  const reader = new FieldReader(value, "", problems);
  const defaults = defaultMigrationOptions;
  const options: MigrationOptions = {
    channels: reader.integer("channels", 1, 32, defaults.channels),
    compression: reader.oneOf("compression", ["none", "zstd", "zlib"], defaults.compression),
    autoConverge: reader.flag("autoConverge", defaults.autoConverge),
    postCopy: reader.flag("postCopy", defaults.postCopy),
    maxBandwidth: reader.integer("maxBandwidth", 0, 2 ** 44, defaults.maxBandwidth),
    downtimeLimit: reader.integer("downtimeLimit", 1, 2_000_000, defaults.downtimeLimit),
  };
  reader.end();
  if (options.postCopy && usesMultifd(options))
    problems.push("postCopy: cannot be combined with several channels or compression");
  refuseProblems("the migration options are not valid", problems);
  return options;
}

export function usesMultifd(options: MigrationOptions): boolean {
  return options.channels > 1 || options.compression !== "none";
}

/** QEMU's word for "no limit" is a large number; its own default would be 128 MiB/s. */
const unlimitedBandwidth = 2 ** 40;

export function migrationCapabilities(options: MigrationOptions): { capability: string; state: boolean }[] {
  const states: Record<string, boolean> = {
    events: true,
    // The source learns whether the destination loaded everything; without it `completed` proves nothing.
    "return-path": true,
    "pause-before-switchover": true,
    multifd: usesMultifd(options),
    "auto-converge": options.autoConverge,
    "postcopy-ram": options.postCopy,
  };
  return Object.entries(states).map(([capability, state]) => ({ capability, state }));
}

export function migrationParameters(options: MigrationOptions): Record<string, unknown> {
  return {
    "max-bandwidth": options.maxBandwidth === 0 ? unlimitedBandwidth : options.maxBandwidth,
    "downtime-limit": options.downtimeLimit,
    ...(usesMultifd(options)
      ? { "multifd-channels": options.channels, "multifd-compression": options.compression }
      : {}),
  };
}
