import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { labLayout } from "../../src/lab/layout.ts";
import { type Outcome, runToEnd, waybill } from "./waybill.ts";

/** A lab of the command line, in a directory of its own. */
export class TestLab {
  readonly state: string;

  private constructor(state: string) {
    this.state = state;
  }

  /** The directory does not exist yet: `lab up` makes it. */
  static prepare(): TestLab {
    const parent = mkdtempSync(join(tmpdir(), "wb-"));
    return new TestLab(join(parent, "lab"));
  }

  async lab(...args: readonly string[]): Promise<Outcome> {
    return await waybill(["lab", ...args, "--state", this.state]);
  }

  async up(...args: readonly string[]): Promise<Outcome> {
    return mustWork(await this.lab("up", ...args));
  }

  /** Ends the lab and forgets its directory, whatever happened before. */
  async end(): Promise<void> {
    await this.lab("down");
    rmSync(join(this.state, ".."), { recursive: true, force: true });
  }

  /** The variables that `lab up` tells people to set. */
  get environment(): Readonly<Record<string, string>> {
    return {
      KRB5_CONFIG: join(this.state, "krb5.conf"),
      WAYBILL_CONFIG: join(this.state, "workstation.yaml"),
      KRB5CCNAME: join(this.state, "ws", "cc"),
    };
  }

  password(person: string): string {
    return readFileSync(join(this.state, "ws", `${person}.password`), "utf8");
  }

  /** Runs another program with the lab's environment. */
  async program(name: string, args: readonly string[], input = ""): Promise<Outcome> {
    return await runToEnd(name, args, { env: this.environment, input });
  }

  /** Runs the command line with the lab's environment. */
  async waybill(...args: readonly string[]): Promise<Outcome> {
    return await waybill(args, { env: this.environment });
  }
}

export function mustWork(outcome: Outcome): Outcome {
  if (outcome.code === 0) return outcome;
  throw new Error(`exit ${outcome.code}\n${outcome.stdout}\n${outcome.stderr}`);
}

/** Sockets that are still there, in a folder and on a lab's addresses. */
export function socketsOf(state: string): string[] {
  const { subnet } = labLayout(state);
  // The kernel writes an address as one little-endian number.
  const [a = 0, b = 0, c = 0] = subnet.split(".").map(Number);
  const prefix = [c, b, a].map((byte) => byte.toString(16).toUpperCase().padStart(2, "0")).join("");
  const unix = readFileSync("/proc/net/unix", "utf8")
    .split("\n")
    .filter((line) => line.includes(`${state}/`));
  const inet = ["tcp", "udp"].flatMap((protocol) =>
    readFileSync(`/proc/net/${protocol}`, "utf8")
      .split("\n")
      .filter((line) => new RegExp(`^ *\\d+: [0-9A-F]{2}${prefix}:[0-9A-F]{4} `).test(line))
      // What has no inode is the kernel's own end of a connection, and belongs to nobody any more.
      .filter((line) => line.trim().split(/\s+/)[9] !== "0"),
  );
  return [...unix, ...inet];
}

/** Command lines of running processes in which a word occurs. */
export function processesWith(word: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      } catch {
        return "";
      }
    })
    .filter((line) => line.includes(word));
}
