import { randomInt } from "node:crypto";
import { join } from "node:path";
import { withDeadline } from "@waybill/base";
import type { NetworkAttachment } from "../definition/vm-definition.ts";
import {
  arpFrame,
  broadcastMac,
  echoFrame,
  frameDestination,
  frameSource,
  isGroupAddress,
  type Packet,
  parseFrame,
  type Station,
} from "./frames.ts";
import { HeartbeatWatch, heartbeatPort, parseHeartbeat } from "./heartbeat.ts";
import { PingWatch } from "./ping-watch.ts";
import { openDatagramPort, openStreamPort, type SwitchPort } from "./switch-port.ts";

export interface LabSwitchOptions {
  /** The switch's own IPv4 address on the network, from which it pings. */
  readonly ip: string;
  /** Where the sockets of stream ports are made. Its permissions say who may plug in. */
  readonly directory?: string;
  /** Loopback address of datagram ports; 127.0.0.1 unless given. */
  readonly host?: string;
}

export interface PingOptions {
  /** Milliseconds; 1 s unless given. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

const switchMac = "02:57:42:00:00:01";

/**
 * An Ethernet switch in user space for laboratories: machines plug in through QEMU's socket networks, so that
 * nobody needs root or a bridge. It learns where each address is, follows a machine that moves, and has an
 * address itself, from which a test can watch a guest before, during and after a move. Not a security
 * boundary: every process that may open its sockets is on the network.
 */
export class LabSwitch {
  readonly station: Station;
  readonly #options: LabSwitchOptions;
  readonly #ports = new Map<string, SwitchPort>();
  readonly #learned = new Map<string, string>();
  readonly #neighbours = new Map<string, string>();
  readonly #waiting = new Set<(packet: Packet) => void>();
  readonly #heartbeats = new Map<string, Set<HeartbeatWatch>>();
  #sequence = 0;
  readonly #identifier = randomInt(1, 0xffff);

  constructor(options: LabSwitchOptions) {
    this.#options = options;
    this.station = { mac: switchMac, ip: options.ip };
  }

  /** Opens a port, or returns the one of that name. */
  async addPort(name: string, kind: "stream" | "datagram" = "datagram"): Promise<NetworkAttachment> {
    const known = this.#ports.get(name);
    if (known !== undefined) return known.attachment;
    const received = (frame: Buffer): void => this.#forward(name, frame);
    const { directory, host = "127.0.0.1" } = this.#options;
    const port =
      kind === "stream" && directory !== undefined
        ? await openStreamPort(join(directory, `${name}.sock`), received)
        : await openDatagramPort(host, received);
    this.#ports.set(name, port);
    return port.attachment;
  }

  async removePort(name: string): Promise<void> {
    const port = this.#ports.get(name);
    this.#ports.delete(name);
    for (const [mac, at] of this.#learned) if (at === name) this.#learned.delete(mac);
    await port?.close();
  }

  /** The port behind which a MAC address was seen last. */
  locate(mac: string): string | undefined {
    return this.#learned.get(mac);
  }

  /** One ICMP echo. Milliseconds until the answer. @throws DeadlineError when there is none. */
  async ping(ip: string, options: PingOptions = {}): Promise<number> {
    const { timeout = 1000, signal } = options;
    const start = performance.now();
    await withDeadline({ what: `an answer from ${ip}`, timeout, signal }, async (stopped) => {
      const mac = await this.#resolve(ip, stopped);
      const sequence = this.#sendEcho(ip, mac);
      await this.#awaitPacket(stopped, (packet) => isEchoReply(packet, ip, this.#identifier, sequence));
    });
    return performance.now() - start;
  }

  /** Pings at a steady interval (10 ms unless given) until stopped, and keeps the score. */
  watchPings(ip: string, interval = 10): PingWatch {
    const watch = new PingWatch(interval, () => {
      const mac = this.#neighbours.get(ip);
      if (mac !== undefined) return this.#sendEcho(ip, mac);
      this.#transmit(arpFrame(1, this.station, { mac: broadcastMac, ip }));
      return undefined;
    });
    const listener = (packet: Packet): void => {
      if (
        packet.kind === "echo" &&
        packet.reply &&
        packet.from.ip === ip &&
        packet.identifier === this.#identifier
      )
        watch.answered(packet.sequence);
    };
    this.#waiting.add(listener);
    watch.onStop(() => this.#waiting.delete(listener));
    return watch;
  }

  /** Follows the test guest's heartbeat datagrams from now on. */
  watchHeartbeat(ip: string): HeartbeatWatch {
    const watches = this.#heartbeats.get(ip) ?? new Set();
    this.#heartbeats.set(ip, watches);
    const watch = new HeartbeatWatch(() => watches.delete(watch));
    watches.add(watch);
    return watch;
  }

  async close(): Promise<void> {
    for (const name of this.#ports.keys()) await this.removePort(name);
  }

  /** Sends an echo request and returns its sequence number. */
  #sendEcho(ip: string, mac: string): number {
    this.#sequence = (this.#sequence + 1) & 0xffff;
    const echo = {
      reply: false,
      identifier: this.#identifier,
      sequence: this.#sequence,
      data: Buffer.alloc(16),
    };
    this.#transmit(echoFrame(this.station, { mac, ip }, echo));
    return this.#sequence;
  }

  #forward(from: string, frame: Buffer): void {
    if (frame.length < 14) return;
    const source = frameSource(frame);
    if (!isGroupAddress(source)) this.#learned.set(source, from);
    const destination = frameDestination(frame);
    const group = isGroupAddress(destination);
    if (destination === this.station.mac || group) this.#accept(parseFrame(frame));
    if (destination === this.station.mac) return;
    const known = group ? undefined : this.#learned.get(destination);
    for (const [name, port] of this.#ports)
      if (name !== from && (known === undefined || known === name)) port.send(frame);
  }

  #transmit(frame: Buffer): void {
    const known = this.#learned.get(frameDestination(frame));
    for (const [name, port] of this.#ports) if (known === undefined || known === name) port.send(frame);
  }

  #accept(packet: Packet): void {
    if (packet.kind === "arp") {
      if (packet.sender.ip !== "0.0.0.0") this.#neighbours.set(packet.sender.ip, packet.sender.mac);
      if (packet.operation === 1 && packet.target === this.station.ip)
        this.#transmit(arpFrame(2, this.station, packet.sender));
    } else if (packet.kind === "echo" && !packet.reply && packet.to === this.station.ip) {
      this.#transmit(echoFrame(this.station, packet.from, { ...packet, reply: true }));
    } else if (packet.kind === "udp" && packet.port === heartbeatPort) {
      const beat = parseHeartbeat(packet.data);
      if (beat !== undefined)
        for (const watch of this.#heartbeats.get(packet.from.ip) ?? []) watch.received(beat);
    }
    for (const waiting of this.#waiting) waiting(packet);
  }

  async #resolve(ip: string, stopped: AbortSignal): Promise<string> {
    const known = this.#neighbours.get(ip);
    if (known !== undefined) return known;
    const ask = (): void => this.#transmit(arpFrame(1, this.station, { mac: broadcastMac, ip }));
    const timer = setInterval(ask, 200);
    try {
      const answer = this.#awaitPacket(stopped, (packet) => packet.kind === "arp" && packet.sender.ip === ip);
      ask();
      await answer;
    } finally {
      clearInterval(timer);
    }
    return this.#neighbours.get(ip) ?? broadcastMac;
  }

  async #awaitPacket(stopped: AbortSignal, fits: (packet: Packet) => boolean): Promise<void> {
    let listener: ((packet: Packet) => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        listener = (packet) => (fits(packet) ? resolve() : undefined);
        this.#waiting.add(listener);
        stopped.addEventListener("abort", () => reject(stopped.reason as Error), { once: true });
      });
    } finally {
      if (listener !== undefined) this.#waiting.delete(listener);
    }
  }
}

function isEchoReply(packet: Packet, ip: string, identifier: number, sequence: number): boolean {
  return (
    packet.kind === "echo" &&
    packet.reply &&
    packet.from.ip === ip &&
    packet.identifier === identifier &&
    packet.sequence === sequence
  );
}
