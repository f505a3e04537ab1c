import * as v from "valibot";
import { HostError, Hresult } from "../errors.ts";
import type { Journal } from "../journal/journal.ts";

const positive = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000));

const schema = v.strictObject({
  /** Hyper-V: EnableVirtualSystemMigration. */
  migrationEnabled: v.boolean(),
  /** Hyper-V: MaximumActiveVirtualSystemMigration. */
  maximumMigrations: positive,
  /** Hyper-V: MaximumActiveStorageMigration. */
  maximumStorageMigrations: positive,
  performance: v.picklist(["tcpip", "compression", "multifd"]),
  /** In order of preference, as `address/prefix`; empty stands for any network. */
  networks: v.array(v.pipe(v.string(), v.regex(/^[0-9a-f.:]+\/\d{1,3}$/i, "expected address/prefix"))),
});

export type HostSettings = v.InferOutput<typeof schema>;

/** Hyper-V's defaults, but for migration itself: a host that was set up for it has it on. */
const defaults: HostSettings = {
  migrationEnabled: true,
  maximumMigrations: 2,
  maximumStorageMigrations: 2,
  performance: "tcpip",
  networks: [],
};

/** What an administrator may change while the host runs; kept in the journal. */
export class SettingsStore {
  readonly #journal: Journal;
  readonly #listeners: ((settings: HostSettings) => void)[] = [];

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  get current(): HostSettings {
    return { ...defaults, ...(this.#journal.setting("host") as Partial<HostSettings> | undefined) };
  }

  onChange(listener: (settings: HostSettings) => void): void {
    this.#listeners.push(listener);
    listener(this.current);
  }

  /** @throws HostError `SETTING_INVALID` naming the setting; then nothing is changed. */
  change(changes: Readonly<Record<string, unknown>>): HostSettings {
    const result = v.safeParse(schema, { ...this.current, ...changes });
    if (!result.success) {
      const [issue] = result.issues;
      throw new HostError(`the setting ${v.getDotPath(issue) ?? ""} is not valid: ${issue.message}`, {
        code: "SETTING_INVALID",
        family: "caller",
        hresult: Hresult.invalidArgument,
        remedy: "See `waybill host settings --help` for what each setting may be.",
      });
    }
    this.#journal.commit({ settings: { host: result.output } });
    for (const listener of this.#listeners) listener(result.output);
    return result.output;
  }
}
