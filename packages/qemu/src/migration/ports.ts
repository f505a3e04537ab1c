import { createServer } from "node:net";
import { QmpError } from "../qmp-error.ts";

/** TCP ports a destination may listen on, both included. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Tries ports until `listen` succeeds on one: QEMU itself must open it, so another program may be quicker.
 * Without a range the kernel suggests.
 */
export async function listenOnFreePort(
  host: string,
  range: PortRange | undefined,
  listen: (port: number) => Promise<void>,
): Promise<number> {
  const candidates = range === undefined ? 5 : range.to - range.from + 1;
  let last: unknown;
  for (let attempt = 0; attempt < candidates; attempt++) {
    const port = await free(host, range === undefined ? 0 : range.from + attempt);
    if (port === undefined) continue;
    try {
      await listen(port);
      return port;
    } catch (error) {
      if (!(error instanceof QmpError) || !/address already in use/i.test(error.message)) throw error;
      last = error;
    }
  }
  throw new QmpError(`no free port on ${host}`, {
    code: "NO_FREE_PORT",
    family: "environment",
    facts: { host, ...(range === undefined ? {} : { from: range.from, to: range.to }) },
    remedy: "Allow a larger range of migration ports, or move fewer machines at once.",
    cause: last,
  });
}

async function free(host: string, port: number): Promise<number | undefined> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : undefined));
    });
  });
}
