import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("a journal on a disk that is really full: what it has room for it keeps, the rest is refused, nothing breaks", () => {
  const directory = mkdtempSync(join(tmpdir(), "wbj-"));
  try {
    const inside = 'mount -t tmpfs -o size=3m tmpfs "$1" && shift && exec "$@"';
    const program = [
      process.execPath,
      "--import",
      import.meta.resolve("tsx"),
      "--conditions=@waybill/source",
      fileURLToPath(new URL("support/fill-journal.ts", import.meta.url)),
      directory,
    ];
    const { stdout, stderr, status } = spawnSync(
      "unshare",
      ["-m", "sh", "-c", inside, "sh", directory, ...program],
      { encoding: "utf8", timeout: 60_000 },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const seen = JSON.parse(stdout);
    expect(seen).toMatchObject({
      code: "JOURNAL_UNWRITABLE",
      message: expect.stringMatching(/no space left/i),
      refused: 50,
    });
    // The room it had put aside: many moves more, after everything else on the disk has failed.
    expect(seen.written).toBeGreaterThan(100);
    expect(seen).toMatchObject({ kept: seen.written, after: seen.written + 1, reopened: seen.written + 1 });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
