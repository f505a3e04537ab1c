import { isUnderWay, MigrationTarget } from "@waybill/qemu";
import type { MigrationRecord } from "../journal/journal.ts";
import type { SealedChannel } from "./channel.ts";
import { discard, finishTakeOver, isIncoming, takeOver } from "./copy-custody.ts";
import type { IncomingParts } from "./incoming.ts";
import type { DestinationMessage, SourceMessage } from "./messages.ts";

type Hello = Extract<SourceMessage, { type: "hello" }>;

const answerTime = { timeout: 15_000 };

/** The destination's answer to a source that asks what became of a migration. */
export async function answerResolve(
  parts: IncomingParts,
  channel: SealedChannel<DestinationMessage, SourceMessage>,
  hello: Hello,
): Promise<void> {
  const message = await channel.receive("the question", answerTime);
  if (message.type !== "resolve") return;
  const { migration } = hello;
  const { journal, vms, arrivals } = parts;
  if (!(await arrivals.end((arrival) => arrival.migration === migration))) {
    channel.send({ type: "waiting", complete: false });
    return;
  }
  const record = journal.migration(migration);
  if (record?.state === "owned" || record?.state === "done") {
    channel.send({ type: "taken", running: true });
    return;
  }
  if (record !== undefined && message.surrendered && isIncoming(journal, record)) {
    const copy = await vms.machine(record.vm);
    const status = await copy?.migration().then(
      (info) => info.status,
      () => undefined,
    );
    if (copy !== undefined && (status === "completed" || status === "postcopy-active"))
      return await offer(parts, channel, record, new MigrationTarget(copy));
    if (status !== undefined && isUnderWay(status)) {
      channel.send({ type: "waiting", complete: false });
      return;
    }
  }
  const reason = record?.reason ?? "there is no complete copy here";
  // Asked again: the machine may have been taken over while its QEMU was being asked.
  if (journal.migration(migration) === undefined) rememberDiscarded(parts, hello);
  else if (!(await discard(parts, migration, reason))) {
    channel.send({ type: "taken", running: true });
    return;
  }
  channel.send({ type: "discarded", reason });
}

/** A complete copy is the source's to give, even now. */
async function offer(
  parts: IncomingParts,
  channel: SealedChannel<DestinationMessage, SourceMessage>,
  { id, vm }: MigrationRecord,
  target: MigrationTarget,
): Promise<void> {
  channel.send({ type: "waiting", complete: true });
  const next = await channel.receive("the source's word", answerTime);
  if (next.type !== "take") return;
  await takeOver(parts, id, target);
  channel.send({ type: "taken", running: parts.journal.vm(vm)?.wanted === "running" });
  await finishTakeOver(parts, id, target);
}

/** A migration never heard of must stay refused even if its messages arrive late. */
function rememberDiscarded({ journal }: IncomingParts, hello: Hello): void {
  const now = Date.now();
  journal.commit({
    migrations: [
      {
        id: hello.migration,
        vm: hello.vm.id,
        vmName: hello.vm.name,
        role: "destination",
        peer: hello.host,
        person: "",
        state: "discarded",
        reason: "it was never prepared here",
        // Nobody was let in, so there is no end to tell.
        audited: true,
        started: now,
        updated: now,
      },
    ],
  });
}
