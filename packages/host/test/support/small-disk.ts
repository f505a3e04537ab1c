import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

export interface SmallDiskWish {
  /** Below the host's folder. */
  readonly folder: "state" | "storage";
  readonly bytes: number;
}

/**
 * A small file system of its own at a folder, in a mount namespace that only the programs started with `enter` see.
 * It is really full when it is filled. Takes root.
 */
export class SmallDisk {
  readonly #holder: ChildProcess;
  readonly #path: string;

  private constructor(holder: ChildProcess, path: string) {
    this.#holder = holder;
    this.#path = path;
  }

  static async mount(path: string, bytes: number): Promise<SmallDisk> {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const script = 'mount -t tmpfs -o "size=$2,mode=0700" tmpfs "$1" && echo mounted && exec cat';
    const holder = spawn(
      "unshare",
      ["-m", "--propagation", "private", "sh", "-c", script, "sh", path, String(bytes)],
      { stdio: ["pipe", "pipe", "pipe"] },
    );
    await new Promise<void>((resolve, reject) => {
      let complaint = "";
      holder.stderr?.on("data", (text) => {
        complaint += String(text);
      });
      holder.stdout?.once("data", () => resolve());
      holder.once("error", reject);
      holder.once("exit", () => reject(new Error(`no file system could be mounted: ${complaint}`)));
    });
    return new SmallDisk(holder, path);
  }

  /** What a program that shall see it is started with. */
  get enter(): readonly string[] {
    return ["nsenter", "-m", "-t", String(this.#holder.pid), "--"];
  }

  /** A path below it, as those outside can reach it. */
  outside(path: string): string {
    return `/proc/${this.#holder.pid}/root${path}`;
  }

  /** Takes the last free byte. */
  fill(): void {
    const file = openSync(this.#filler, "a", 0o600);
    const block = new Uint8Array(4096);
    try {
      for (;;) if (writeSync(file, block) === 0) return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    } finally {
      closeSync(file);
    }
  }

  /** As an administrator would who was called. */
  makeRoom(): void {
    rmSync(this.#filler, { force: true });
  }

  close(): void {
    this.#holder.stdin?.end();
  }

  get #filler(): string {
    return this.outside(join(this.#path, "filler"));
  }
}
