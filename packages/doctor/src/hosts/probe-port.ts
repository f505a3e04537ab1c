import { connect } from "node:net";
import { systemCode } from "@waybill/base";
import type { HostAddress } from "./host-reading.ts";

/** Why no TCP connection can be made, in words; `undefined` when one can. Nothing is sent. */
export async function probePort(
  { address, port }: HostAddress,
  { timeout, signal }: { readonly timeout: number; readonly signal?: AbortSignal | undefined },
): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const onAbort = (): void => end("the question was given up");
    const timer = setTimeout(() => end("no answer came (a firewall, or nobody has the address)"), timeout);
    const end = (why?: string): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      socket.destroy();
      resolve(why);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    socket.once("connect", () => end());
    socket.once("error", (error) => end(wordsOf(error)));
  });
}

function wordsOf(error: Error): string {
  const code = systemCode(error);
  switch (code) {
    case "ECONNREFUSED":
      return "the connection was refused: nothing listens there";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "the name has no address";
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return "there is no way to that address";
    default:
      return code ?? error.message;
  }
}
