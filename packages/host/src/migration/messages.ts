/**
 * The migration protocol: what two hosts say to each other on TCP port 6600.
 *
 * ```mermaid
 * sequenceDiagram
 *   participant S as source service
 *   participant D as destination service
 *   participant QS as source QEMU
 *   participant QD as destination QEMU
 *   S->>D: preamble: "WAYBILL", versions spoken
 *   D->>S: preamble: "WAYBILL", version chosen
 *   S->>D: GSS token: AP-REQ with the person's delegated ticket for the migration service
 *   D->>S: GSS token: AP-REP (mutual authentication)
 *   Note over S,D: everything below is sealed by that context
 *   S->>D: hello (who I am, which migration)
 *   D->>S: welcome, or refused
 *   opt disks travel too
 *     S->>D: disks (AP-REQ with the person's delegated ticket for cifs/<destination>)
 *     D->>S: disks-accepted
 *   end
 *   S->>D: prepare (definition, options; answered with findings, and over, when the purpose is to check)
 *   D->>QD: start, paused, with TLS-PSK
 *   D->>S: prepared (where memory and disks go), or refused
 *   QS->>QD: disks over NBD, then memory; TLS-PSK, key = GSS_Pseudo_random(context)
 *   S->>D: flowing (connections stand: the key may go), alive (every few seconds)
 *   Note over QS: guest stopped for the switchover
 *   opt disks travel too
 *     S->>D: mirrored
 *     D->>S: storage-closed
 *   end
 *   QS->>QD: the last of memory, device state
 *   S->>S: QEMU reports completed (post-copy: is about to switch); the journal says "surrendered" and is on disk
 *   S->>D: take
 *   D->>D: the journal says "owned" and is on disk
 *   D->>QD: run
 *   D->>S: taken
 *   S->>QS: quit; the journal says "gone"
 * ```
 *
 * Who may run the VM is decided by the journals alone, never by a connection:
 *
 * ```mermaid
 * stateDiagram-v2
 *   state "source: owner" as owner
 *   state "source: surrendered" as surrendered
 *   state "source: gone" as gone
 *   state "destination: incoming (paused)" as incoming
 *   state "destination: owned (runs)" as owned
 *   state "destination: discarded" as discarded
 *   [*] --> owner
 *   owner --> surrendered: QEMU completed, synced to disk, before "take" is sent
 *   surrendered --> gone: "taken"
 *   surrendered --> owner: "discarded"
 *   [*] --> incoming: "prepare"
 *   incoming --> owned: "take", synced to disk before the guest runs
 *   incoming --> discarded: "abort", or the stream broke or stood still before it was complete
 * ```
 *
 * A source that calls its machine back before it has surrendered says so ("abort"), and again under its own
 * name (`resolve`, not surrendered) until the destination has answered, restarts included: a complete copy would
 * wait for ever otherwise. A source that has surrendered and hears nothing keeps its copy paused and asks again (`resolve`) until the
 * destination answers `taken` or `discarded`; `discarded` is final for that migration. A destination never
 * runs, and never throws away, a complete copy without the source's word.
 *
 * Before "take" the destination looks for itself whether anything happens: steps, each of which comes once, and bytes on
 * the connections of memory and disks. When nothing has for a while (`stall-timeout`, two minutes unless configured; a
 * source gives up after 30 s by itself) it refuses the migration with `MIGRATION_STALLED`, frees the slot and discards a
 * copy that is not complete. That is the transition of a broken stream, and as safe: a source that has surrendered
 * meanwhile hears "discarded" and takes its machine back. A copy that goes on coming in after its conversation has
 * broken is held to the same limit. From "take" on the states above decide, and no clock.
 *
 * A source that comes back, to ask or with a new migration of the same machine, has left its earlier conversation:
 * the destination ends that one, and waits for its end, before it does anything in the new one.
 *
 * Versioning: each side offers the range it speaks; the highest common version is used. Both preambles are
 * the channel bindings of the GSS context, so a man in the middle cannot lower the version. Within a version,
 * unknown members of a message are ignored and unknown message types are refused.
 */
import * as v from "valibot";

export const protocolVersion = { lowest: 1, highest: 1 } as const;
export const migrationPort = 6600;
/** Service class of the principal a destination accepts migrations as. */
export const migrationServiceClass = "Microsoft Virtual System Migration Service";
/** Service class of the principal whose ticket gives the right to write disks. */
export const storageServiceClass = "cifs";
/** Largest frame on the wire, in bytes. */
export const maxFrame = 1024 * 1024;

const text = v.pipe(v.string(), v.maxLength(1024));
const identifier = v.pipe(v.string(), v.uuid());
const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const endpoint = v.object({ host: text, port });

/** How bulk data travels. */
export const transferOptions = v.object({
  /** Hyper-V's "performance option". */
  performance: v.picklist(["tcpip", "compression", "multifd"]),
  channels: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(16)),
  postCopy: v.boolean(),
});
export type TransferOptions = v.InferOutput<typeof transferOptions>;

/** What a host says of itself, for the other to compare. */
const hostFacts = v.object({ accelerator: text, qemu: text, time: count });
export type HostFacts = v.InferOutput<typeof hostFacts>;

const finding = v.object({
  check: text,
  severity: v.picklist(["ok", "error"]),
  message: v.pipe(v.string(), v.maxLength(8192)),
  code: v.optional(text),
  remedy: v.optional(v.pipe(v.string(), v.maxLength(8192))),
});

const disk = v.object({ id: v.pipe(text, v.regex(/^[a-zA-Z][a-zA-Z0-9_-]{0,30}$/)), bytes: count });

export const sourceMessage = v.variant("type", [
  v.object({
    type: v.literal("hello"),
    migration: identifier,
    host: text,
    vm: v.object({ id: identifier, name: text }),
    purpose: v.picklist(["migrate", "check", "resolve"]),
  }),
  v.object({ type: v.literal("disks"), token: text8k() }),
  v.object({
    type: v.literal("prepare"),
    definition: v.record(v.string(), v.unknown()),
    running: v.boolean(),
    disks: v.pipe(v.array(disk), v.maxLength(64)),
    options: transferOptions,
    source: v.optional(hostFacts),
  }),
  v.object({ type: v.literal("alive") }),
  v.object({ type: v.literal("flowing") }),
  v.object({ type: v.literal("mirrored") }),
  v.object({ type: v.literal("take") }),
  v.object({ type: v.literal("abort"), reason: text }),
  v.object({ type: v.literal("resolve"), surrendered: v.boolean() }),
]);
export type SourceMessage = v.InferOutput<typeof sourceMessage>;

export const destinationMessage = v.variant("type", [
  v.object({
    type: v.literal("welcome"),
    host: text,
    facts: v.record(v.string(), v.unknown()),
  }),
  v.object({
    type: v.literal("refused"),
    code: text,
    hresult: v.optional(v.pipe(v.number(), v.integer())),
    message: v.pipe(v.string(), v.maxLength(8192)),
    remedy: v.optional(v.pipe(v.string(), v.maxLength(8192))),
  }),
  v.object({ type: v.literal("disks-accepted"), token: v.optional(text8k()) }),
  v.object({
    type: v.literal("prepared"),
    memory: endpoint,
    storage: v.optional(endpoint),
    machine: text,
  }),
  v.object({ type: v.literal("findings"), findings: v.pipe(v.array(finding), v.maxLength(256)) }),
  v.object({ type: v.literal("storage-closed") }),
  v.object({ type: v.literal("taken"), running: v.boolean(), event: v.optional(text) }),
  v.object({ type: v.literal("waiting"), complete: v.boolean() }),
  v.object({ type: v.literal("discarded"), reason: text }),
]);
export type DestinationMessage = v.InferOutput<typeof destinationMessage>;

function text8k() {
  return v.pipe(v.string(), v.maxLength(128 * 1024), v.base64());
}
