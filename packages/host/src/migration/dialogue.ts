import { HostError, Hresult } from "../errors.ts";
import type { SealedChannel } from "./channel.ts";
import type { DestinationMessage, SourceMessage } from "./messages.ts";
import { fromRefusal } from "./refusals.ts";

type Answer<T extends DestinationMessage["type"]> = Extract<DestinationMessage, { type: T }>;

const answerTime = { timeout: 30_000 };

/** The source's part of the conversation: orders, and the answers that have to follow them. */
export class Dialogue {
  readonly #channel: SealedChannel<SourceMessage, DestinationMessage>;
  readonly #destination: string;

  constructor(channel: SealedChannel<SourceMessage, DestinationMessage>, destination: string) {
    this.#channel = channel;
    this.#destination = destination;
  }

  get open(): boolean {
    return this.#channel.channel.open;
  }

  tell(message: SourceMessage): void {
    this.#channel.send(message);
  }

  /** For what need not arrive: whoever waits for an answer learns there that the conversation is over. */
  tryToTell(message: SourceMessage): void {
    try {
      this.tell(message);
    } catch {
      // As said.
    }
  }

  /** @throws HostError as the destination refused, `MIGRATION_PROTOCOL_ERROR` for any other answer; DeadlineError. */
  async expect<T extends DestinationMessage["type"]>(
    types: T | readonly T[],
    signal?: AbortSignal,
  ): Promise<Answer<T>> {
    const message = await this.#channel.receive("an answer", { ...answerTime, signal });
    if (message.type === "refused") throw fromRefusal(message);
    const wanted: readonly string[] = [types].flat();
    if (wanted.includes(message.type)) return message as Answer<T>;
    throw new HostError(
      `${this.#destination} answered "${message.type}" instead of "${wanted.join('" or "')}"`,
      {
        code: "MIGRATION_PROTOCOL_ERROR",
        family: "peer",
        hresult: Hresult.failed,
        remedy: "Check that both hosts run compatible versions of Waybill.",
      },
    );
  }

  /** Whether the destination says, within `timeout` ms, that its copy is gone. */
  async wasForgotten(timeout: number): Promise<boolean> {
    try {
      while (this.open) {
        const { type } = await this.#channel.receive("the end of the migration", { timeout });
        if (type === "discarded" || type === "refused") return true;
      }
    } catch {
      // It is told again under this host's own name.
    }
    return false;
  }
}
