import { type Clock, systemClock } from "@waybill/base";
import type { ConsoleEnd, ConsoleOutput } from "@waybill/hyperv";
import { HostError, Hresult } from "../errors.ts";
import { invalid } from "../service/refusals.ts";
import { type ConsoleOwner, ConsoleSession, type SerialLine } from "./console-session.ts";

/** What a serial line tells its session. */
export interface LineEvents {
  readonly said: (bytes: Uint8Array) => void;
  readonly ended: (end: ConsoleEnd) => void;
}

export interface ConsoleRequest extends ConsoleOwner {
  /** Take the console from whoever has it. */
  readonly takeOver: boolean;
  /** Connects to the machine's serial port. */
  readonly connect: (events: LineEvents) => Promise<SerialLine>;
  /** Called once, when the console is not this person's any more. */
  readonly onEnd: (session: ConsoleSession, end: ConsoleEnd) => void;
}

/** The longest a question for output may wait, in milliseconds. */
const longestWait = 10_000;
/** A session that nobody has asked anything of for so long is its machine's again. */
export const consoleIdleTime = 20_000;
const sweepEvery = 5000;
export const consolesPerPerson = 8;
const consolesInAll = 128;

/**
 * The consoles that people have open on this host. A machine has one serial port and one person at it. A session is
 * known by its name and belongs to the person who opened it, whatever connection they come by.
 *
 * ```mermaid
 * stateDiagram-v2
 *   [*] --> Open: the right, a running machine, nobody else there
 *   Open --> Open: read, write
 *   Open --> Ended: moved, stopped, taken over, idle, service stopped
 *   Ended --> Ended: read (the rest of the output, then why)
 *   Open --> [*]: closed
 *   Ended --> [*]: closed, or idle
 * ```
 */
export class ConsoleSessions {
  readonly #clock: Clock;
  readonly #sessions = new Map<string, { session: ConsoleSession; onEnd: ConsoleRequest["onEnd"] }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** @throws HostError `CONSOLE_BUSY`, `CONSOLE_LIMIT`; what `connect` throws. @returns the session's name. */
  async open(request: ConsoleRequest): Promise<string> {
    const { person, vm, takeOver, connect, onEnd } = request;
    this.expire();
    const holder = this.#holder(vm.id);
    if (holder !== undefined && !takeOver) throw busy(vm.name, holder.owner.person);
    this.#checkLimits(person);
    if (holder !== undefined) this.#finish(holder, { reason: "taken-over", by: person });
    const session = new ConsoleSession({ person, vm }, this.#clock.now());
    // Known from here on, so that nobody else connects meanwhile.
    this.#sessions.set(session.id, { session, onEnd });
    this.#timer ??= setInterval(() => this.expire(), sweepEvery).unref();
    try {
      const events: LineEvents = {
        said: (bytes) => session.hear(bytes),
        ended: (end) => this.#finish(session, end),
      };
      session.connect(await connect(events));
    } catch (error) {
      this.#sessions.delete(session.id);
      throw error;
    }
    return session.id;
  }

  /** @throws HostError `CONSOLE_UNKNOWN`, also for a session of somebody else. */
  owner(person: string, id: string): ConsoleOwner {
    return this.#own(person, id).owner;
  }

  /** @throws HostError `CONSOLE_UNKNOWN`, `INVALID_REQUEST` */
  async read(person: string, id: string, offset: number, wait: number): Promise<ConsoleOutput> {
    const session = this.#own(person, id);
    if (offset > session.traffic.said) throw ahead("output");
    return await session.read(offset, Math.min(wait, longestWait), () => this.#clock.now());
  }

  /** @throws HostError `CONSOLE_UNKNOWN`, `INVALID_REQUEST` */
  write(person: string, id: string, offset: number, bytes: Uint8Array): number {
    const session = this.#own(person, id);
    if (offset > session.typed) throw ahead("input");
    return session.write(offset, bytes, this.#clock.now());
  }

  /** Ends a session by the wish of its owner; one that is gone already is no error. */
  close(person: string, id: string): void {
    const entry = this.#sessions.get(id);
    if (entry?.session.owner.person !== person) return;
    this.#finish(entry.session, { reason: "left" });
    this.#sessions.delete(id);
  }

  /** Frees what clients have left without a word. */
  expire(): void {
    const now = this.#clock.now();
    for (const [id, { session }] of this.#sessions) {
      if (session.idle(now) < consoleIdleTime) continue;
      this.#finish(session, { reason: "idle" });
      this.#sessions.delete(id);
    }
    if (this.#sessions.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Ends all of them: the service stops. */
  stop(): void {
    for (const { session } of this.#sessions.values()) this.#finish(session, { reason: "service-stopped" });
    this.#sessions.clear();
    this.expire();
  }

  #own(person: string, id: string): ConsoleSession {
    const session = this.#sessions.get(id)?.session;
    if (session?.owner.person === person) return session;
    throw new HostError("there is no such console session of yours", {
      code: "CONSOLE_UNKNOWN",
      family: "caller",
      hresult: Hresult.notFound,
      remedy:
        "Open the console again: its session was idle for too long, or the host's service was restarted.",
    });
  }

  #holder(vm: string): ConsoleSession | undefined {
    for (const { session } of this.#sessions.values())
      if (session.owner.vm.id === vm && session.end === undefined) return session;
    return undefined;
  }

  #checkLimits(person: string): void {
    const all = [...this.#sessions.values()];
    const own = all.filter(({ session }) => session.owner.person === person);
    if (own.length < consolesPerPerson && all.length < consolesInAll) return;
    const [who, many] =
      own.length < consolesPerPerson ? ["people have", all.length] : [`${person} has`, own.length];
    throw new HostError(`${who} ${many} consoles of this host open already`, {
      code: "CONSOLE_LIMIT",
      family: "caller",
      hresult: Hresult.failed,
      remedy: "Leave one of them; one whose client is gone is free after half a minute.",
    });
  }

  #finish(session: ConsoleSession, end: ConsoleEnd): void {
    if (session.end !== undefined) return;
    session.finish(end);
    this.#sessions.get(session.id)?.onEnd(session, end);
  }
}

function busy(vm: string, person: string): HostError {
  return new HostError(`${person} is at the console of ${vm}`, {
    code: "CONSOLE_BUSY",
    family: "caller",
    hresult: Hresult.failed,
    facts: { vm, person },
    remedy:
      "Take it over with --take-over, or wait: a console whose client is gone is free after half a minute.",
  });
}

function ahead(what: string): HostError {
  return invalid(
    `the offset lies beyond the console's ${what}`,
    "Begin with 0, and go on from the last answer.",
  );
}
