import { connect, createServer, type Server, type Socket } from "node:net";

/** A network between two QEMUs that can fall silent or break. */
export class TcpProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #frozen = false;
  #left: number;

  private constructor(to: { readonly host: string; readonly port: number }, left: number) {
    this.#left = left;
    this.#server = createServer((near) => {
      const far = connect(to);
      this.#join(near, far);
      this.#join(far, near);
    });
  }

  /** @param left bytes that pass before it falls silent by itself. */
  static async open(
    to: { readonly host: string; readonly port: number },
    left = Number.POSITIVE_INFINITY,
  ): Promise<TcpProxy> {
    const proxy = new TcpProxy(to, left);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", () => resolve()));
    return proxy;
  }

  get address(): { readonly host: string; readonly port: number } {
    const address = this.#server.address();
    if (typeof address !== "object" || address === null) throw new Error("the proxy is closed");
    return { host: "127.0.0.1", port: address.port };
  }

  /** From now on nothing passes, and nobody is told. */
  freeze(): void {
    this.#frozen = true;
    for (const socket of this.#sockets) socket.pause();
  }

  thaw(): void {
    this.#frozen = false;
    for (const socket of this.#sockets) socket.resume();
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on("data", (chunk) => {
      to.write(chunk);
      this.#left -= chunk.length;
      if (this.#left <= 0 && !this.#frozen) this.freeze();
      if (this.#frozen) from.pause();
    });
    from.on("close", () => {
      this.#sockets.delete(from);
      if (!this.#frozen) to.destroy();
    });
    from.on("error", () => from.destroy());
    if (this.#frozen) from.pause();
  }
}
