import { type ChildProcess, spawn } from "node:child_process";
import { createReadStream, statSync } from "node:fs";
import { sleep } from "@waybill/base";
import { run } from "../../../kerberos/test/support/processes.ts";

/** What dumpcap wrote down of an interface, for tshark and for plain searches. */
export class Capture {
  readonly file: string;
  readonly #dumpcap: ChildProcess;
  #said = "";

  private constructor(file: string, dumpcap: ChildProcess) {
    this.file = file;
    this.#dumpcap = dumpcap;
    // Whatever becomes of the test.
    process.once("exit", () => dumpcap.kill("SIGKILL"));
    dumpcap.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#said += text;
    });
  }

  /** @param filter in libpcap's language. */
  static async start(file: string, filter: string, device = "lo"): Promise<Capture> {
    const args = ["-i", device, "-q", "-B", "128", "-f", filter, "-w", file];
    const capture = new Capture(file, spawn("dumpcap", args, { stdio: ["ignore", "ignore", "pipe"] }));
    for (let tries = 0; !capture.#said.includes("File:"); tries++) {
      if (tries > 1200) throw new Error(`dumpcap did not start: ${capture.#said}`);
      await sleep(50);
    }
    return capture;
  }

  /** Ends the capture. @throws when the kernel had to drop packets, since then nothing is proved. */
  async stop(): Promise<void> {
    // The last packets are still on their way through the kernel's buffer: until no more are written.
    const size = (): number => statSync(this.file, { throwIfNoEntry: false })?.size ?? 0;
    for (let [tries, before] = [0, -1]; size() > before && tries < 60; tries++) {
      before = size();
      await sleep(700);
    }
    const ended = new Promise<void>((resolve) => this.#dumpcap.once("close", () => resolve()));
    this.#dumpcap.kill("SIGINT");
    await ended;
    const dropped = /received\/dropped on interface .*: (\d+)\/(\d+)/.exec(this.#said);
    if (dropped === null || dropped[2] !== "0") throw new Error(`the capture has holes: ${this.#said}`);
  }

  /** Ends a capture that nobody will look at. */
  abandon(): void {
    this.#dumpcap.kill("SIGKILL");
  }

  /** How often bytes occur anywhere in the capture, and how large it is. */
  async search(words: string): Promise<{ found: number; bytes: number }> {
    const wanted = Buffer.from(words, "latin1");
    let [found, bytes] = [0, 0];
    let rest = Buffer.alloc(0);
    for await (const chunk of createReadStream(this.file, { highWaterMark: 1 << 20 })) {
      const text = Buffer.concat([rest, chunk as Buffer]);
      bytes += (chunk as Buffer).length;
      for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1)) found++;
      rest = text.subarray(Math.max(0, text.length - wanted.length + 1));
    }
    return { found, bytes };
  }

  /** Rows of fields of the packets a display filter lets through. */
  async fields(
    filter: string,
    names: readonly string[],
    options: readonly string[] = [],
  ): Promise<string[][]> {
    const wanted = names.flatMap((name) => ["-e", name]);
    const args = ["-r", this.file, "-n", ...options, "-Y", filter, "-T", "fields", ...wanted];
    return (await run("tshark", args))
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.split("\t"));
  }
}
