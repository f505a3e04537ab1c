import type { Socket } from "node:net";

export interface ConnectionLimitOptions {
  /** Connections in all. */
  readonly total: number;
  /** Connections of one client address. */
  readonly perAddress: number;
}

/**
 * Keeps the number of open connections within bounds. Whoever comes last is let in and whoever has been idle for
 * longest has to go, of the same address first: a client that opens thousands of connections sheds its own.
 */
export class ConnectionLimits {
  readonly #options: ConnectionLimitOptions;
  /** In order of last activity: a Map keeps insertion order. */
  readonly #byAddress = new Map<string, Map<Socket, true>>();
  readonly #all = new Map<Socket, string>();
  #shed = 0;

  constructor(options: ConnectionLimitOptions) {
    this.#options = options;
  }

  get open(): number {
    return this.#all.size;
  }

  /** Connections closed to make room, since the start. */
  get shed(): number {
    return this.#shed;
  }

  add(socket: Socket, address: string): void {
    const own = this.#byAddress.get(address) ?? new Map<Socket, true>();
    this.#byAddress.set(address, own);
    if (own.size >= this.#options.perAddress) this.#drop(own.keys().next().value);
    else if (this.#all.size >= this.#options.total) this.#drop(this.#all.keys().next().value);
    own.set(socket, true);
    this.#byAddress.set(address, own);
    this.#all.set(socket, address);
  }

  /** The connection did something useful: it goes to the end of the queue. */
  touch(socket: Socket): void {
    const address = this.#all.get(socket);
    if (address === undefined) return;
    this.#all.delete(socket);
    this.#all.set(socket, address);
    const own = this.#byAddress.get(address);
    own?.delete(socket);
    own?.set(socket, true);
  }

  remove(socket: Socket): void {
    const address = this.#all.get(socket);
    if (address === undefined) return;
    this.#all.delete(socket);
    const own = this.#byAddress.get(address);
    own?.delete(socket);
    if (own?.size === 0) this.#byAddress.delete(address);
  }

  closeAll(): void {
    for (const socket of this.#all.keys()) socket.destroy();
  }

  #drop(socket: Socket | undefined): void {
    if (socket === undefined) return;
    this.#shed++;
    this.remove(socket);
    socket.destroy();
  }
}
