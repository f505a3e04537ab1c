import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { fromHex, toHex } from "@waybill/base";

const script = fileURLToPath(new URL("gssapi-peer.py", import.meta.url));

/** MIT's libgssapi_krb5 in a process of its own; see the script. */
export class GssapiPeer {
  readonly #child: ChildProcess;
  readonly #waiting: ((line: string) => void)[] = [];

  constructor(env: Readonly<Record<string, string>>) {
    this.#child = spawn("/usr/bin/python3", [script], {
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", "inherit"],
    });
    createInterface({ input: this.#child.stdout! }).on("line", (line) => this.#waiting.shift()?.(line));
    this.#child.once("exit", () => {
      for (const answer of this.#waiting.splice(0)) answer('{"error":"the peer has exited"}');
    });
  }

  stop(): void {
    this.#child.stdin!.end();
  }

  async #ask(operation: string, request: object = {}): Promise<Record<string, unknown>> {
    const line = await new Promise<string>((resolve) => {
      this.#waiting.push(resolve);
      this.#child.stdin!.write(`${JSON.stringify({ operation, ...request })}\n`);
    });
    const answer = JSON.parse(line) as Record<string, unknown>;
    if (answer.error !== undefined) throw new Error(`libgssapi: ${JSON.stringify(answer.error)}`);
    return answer;
  }

  async initiate(target: string, mechanism: string, flags: number, bindings?: Uint8Array): Promise<void> {
    await this.#ask("initiate", { target, mechanism, flags, bindings: bindings && toHex(bindings) });
  }

  async accept(keytab: string, bindings?: Uint8Array): Promise<void> {
    await this.#ask("accept", { keytab, bindings: bindings && toHex(bindings) });
  }

  async step(token?: Uint8Array): Promise<{ token: Uint8Array | undefined; done: boolean }> {
    const answer = await this.#ask("step", { token: token && toHex(token) });
    const out = answer.token;
    return { token: typeof out === "string" ? fromHex(out) : undefined, done: answer.done === true };
  }

  async state(): Promise<{ initiator: string; flags: number; delegated: string | null }> {
    return (await this.#ask("state")) as never;
  }

  async wrap(data: Uint8Array, confidential: boolean): Promise<Uint8Array> {
    return hex(await this.#ask("wrap", { data: toHex(data), confidential }), "token");
  }

  async unwrap(token: Uint8Array): Promise<{ message: Uint8Array; confidential: boolean }> {
    const answer = await this.#ask("unwrap", { token: toHex(token) });
    return { message: hex(answer, "data"), confidential: answer.confidential === true };
  }

  async wrapIov(data: Uint8Array, confidential: boolean) {
    const answer = await this.#ask("wrap_iov", { data: toHex(data), confidential });
    return {
      header: hex(answer, "header"),
      payload: hex(answer, "payload"),
      padding: hex(answer, "padding"),
    };
  }

  /** @param padding octets at the payload's end that are not message */
  async unwrapIov(header: Uint8Array, payload: Uint8Array, padding = 0) {
    const end = payload.length - padding;
    const answer = await this.#ask("unwrap_iov", {
      header: toHex(header),
      payload: toHex(payload.subarray(0, end)),
      padding: toHex(payload.subarray(end)),
    });
    return { message: hex(answer, "data"), confidential: answer.confidential === true };
  }

  async mic(data: Uint8Array): Promise<Uint8Array> {
    return hex(await this.#ask("mic", { data: toHex(data) }), "mic");
  }

  async verify(data: Uint8Array, mic: Uint8Array): Promise<void> {
    await this.#ask("verify", { data: toHex(data), mic: toHex(mic) });
  }

  /** Microseconds of one wrap of `size` octets, measured inside the peer's process. */
  async timeWrap(size: number, rounds: number, confidential: boolean): Promise<number> {
    return Number((await this.#ask("time_wrap", { size, rounds, confidential })).wrap);
  }

  /** Microseconds of one unwrap. */
  async timeUnwrap(tokens: readonly Uint8Array[]): Promise<number> {
    return Number((await this.#ask("time_unwrap", { tokens: tokens.map(toHex) })).unwrap);
  }

  async prf(data: Uint8Array, length: number, partial: boolean): Promise<Uint8Array> {
    return hex(await this.#ask("prf", { data: toHex(data), length, partial }), "data");
  }
}

function hex(answer: Record<string, unknown>, field: string): Uint8Array {
  return fromHex(String(answer[field]));
}
