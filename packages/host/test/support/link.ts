import { connect, createServer, type Server, type Socket } from "node:net";

/** The way from one host to another's migration port, which can be cut and mended. */
export class Link {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #up = true;

  private constructor(server: (link: Link) => Server) {
    this.#server = server(this);
  }

  static async open(at: string, to: { readonly host: string; readonly port: number }): Promise<Link> {
    const link = new Link((self) =>
      createServer((near) => {
        if (!self.#up) return void near.destroy();
        const far = connect(to);
        self.#join(near, far);
        self.#join(far, near);
      }),
    );
    await new Promise<void>((resolve) => link.#server.listen(0, at, () => resolve()));
    return link;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Ends every connection; new ones may be made at once unless `down`. */
  cut(down = false): void {
    this.#up = !down;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#up = true;
  }

  close(): void {
    this.cut(true);
    this.#server.close();
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on("data", (chunk) => to.write(chunk));
    from.on("end", () => to.end());
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    from.on("error", () => from.destroy());
  }
}
