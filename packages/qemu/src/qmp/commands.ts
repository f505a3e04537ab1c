import {
  asList,
  asObject,
  booleanField,
  numberField,
  numberOr,
  optionalText,
  textField,
} from "./json-reader.ts";
import { type MigrationInfo, parseMigrationInfo } from "./migration-info.ts";

/** QEMU's run states (qapi/run-state.json). */
export type RunState = string;

export interface BlockJob {
  readonly id: string;
  readonly status: string;
  readonly ready: boolean;
  /** Bytes done and bytes in all; guest writes move the second. */
  readonly offset: number;
  readonly length: number;
  /** `ok`, `failed` or `nospace`. */
  readonly ioStatus: string;
  readonly error?: string | undefined;
}

const nothing = (): void => {};

/**
 * The QMP commands Waybill uses, each with the reader of its answer. The type of the table gives the types of
 * {@link QmpClient.execute}. (QEMU QMP Reference Manual.)
 */
export const qmpCommands = {
  "query-status": (value: unknown): { readonly status: RunState; readonly running: boolean } => {
    const object = asObject(value, "query-status");
    return { status: textField(object, "status"), running: booleanField(object, "running") };
  },
  "query-version": (value: unknown): { readonly version: string; readonly package: string } => {
    const object = asObject(value, "query-version");
    const qemu = asObject(object.qemu, "qemu");
    const numbers = ["major", "minor", "micro"].map((part) => numberField(qemu, part));
    return { version: numbers.join("."), package: textField(object, "package") };
  },
  "query-name": (value: unknown): { readonly name?: string | undefined } => ({
    name: optionalText(asObject(value, "query-name"), "name"),
  }),
  "query-uuid": (value: unknown): { readonly uuid: string } => ({
    uuid: textField(asObject(value, "query-uuid"), "UUID"),
  }),
  "query-machines": (value: unknown) =>
    asList(value, "query-machines").map((item) => {
      const machine = asObject(item, "machine");
      return {
        name: textField(machine, "name"),
        alias: optionalText(machine, "alias"),
        deprecated: machine.deprecated === true,
        maxCpus: numberOr(machine, "cpu-max", 1),
      };
    }),
  "query-cpu-definitions": (value: unknown) =>
    asList(value, "query-cpu-definitions").map((item) => {
      const model = asObject(item, "cpu");
      const missing = model["unavailable-features"];
      return {
        name: textField(model, "name"),
        /** Features this host or accelerator lacks. */
        missing: missing === undefined ? [] : asList(missing, "unavailable-features").map(String),
      };
    }),
  "query-migrate": (value: unknown): MigrationInfo => parseMigrationInfo(value),
  "query-migrate-capabilities": (value: unknown): ReadonlyMap<string, boolean> =>
    new Map(
      asList(value, "capabilities").map((item) => {
        const capability = asObject(item, "capability");
        return [textField(capability, "capability"), booleanField(capability, "state")] as const;
      }),
    ),
  "query-migrate-parameters": (value: unknown) => asObject(value, "parameters"),
  "query-block-jobs": (value: unknown): BlockJob[] =>
    asList(value, "query-block-jobs").map((item) => {
      const job = asObject(item, "job");
      return {
        id: textField(job, "device"),
        status: textField(job, "status"),
        ready: booleanField(job, "ready"),
        offset: numberField(job, "offset"),
        length: numberField(job, "len"),
        ioStatus: textField(job, "io-status"),
        error: optionalText(job, "error"),
      };
    }),
  "query-jobs": (value: unknown) =>
    asList(value, "query-jobs").map((item) => {
      const job = asObject(item, "job");
      return {
        id: textField(job, "id"),
        status: textField(job, "status"),
        error: optionalText(job, "error"),
      };
    }),
  "query-named-block-nodes": (value: unknown) =>
    asList(value, "query-named-block-nodes").map((item) => {
      const node = asObject(item, "node");
      const image = asObject(node.image, "image");
      return { name: textField(node, "node-name"), virtualSize: numberField(image, "virtual-size") };
    }),
  "query-block-exports": (value: unknown) =>
    asList(value, "query-block-exports").map((item) => textField(asObject(item, "export"), "id")),
  "query-chardev": (value: unknown) =>
    asList(value, "query-chardev").map((item) => {
      const device = asObject(item, "chardev");
      // A socket without a client reads `disconnected:unix:…`.
      return { name: textField(device, "label"), place: textField(device, "filename") };
    }),
  "query-yank": (value: unknown) => asList(value, "query-yank").map((item) => asObject(item, "instance")),
  "qom-list-types": (value: unknown) =>
    asList(value, "qom-list-types").map((item) => textField(asObject(item, "type"), "name")),
  "query-qmp-schema": (value: unknown) => asList(value, "schema"),
  qmp_capabilities: nothing,
  cont: nothing,
  stop: nothing,
  quit: nothing,
  system_powerdown: nothing,
  system_reset: nothing,
  screendump: nothing,
  "object-add": nothing,
  "object-del": nothing,
  "migrate-set-capabilities": nothing,
  "migrate-set-parameters": nothing,
  "migrate-incoming": nothing,
  migrate: nothing,
  "migrate-continue": nothing,
  "migrate-start-postcopy": nothing,
  migrate_cancel: nothing,
  "nbd-server-start": nothing,
  "nbd-server-stop": nothing,
  "block-export-add": nothing,
  "block-export-del": nothing,
  "blockdev-add": nothing,
  "blockdev-del": nothing,
  "blockdev-mirror": nothing,
  "block-job-cancel": nothing,
  "job-dismiss": nothing,
  yank: nothing,
} as const satisfies Record<string, (value: unknown) => unknown>;

export type QmpCommand = keyof typeof qmpCommands;
export type QmpAnswer<C extends QmpCommand> = ReturnType<(typeof qmpCommands)[C]>;

/** Something QEMU reported by itself, such as `STOP`, `RESUME`, `SHUTDOWN`, `MIGRATION`, `BLOCK_JOB_READY`. */
export interface QmpEvent {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** QEMU's clock. */
  readonly at: number;
}
