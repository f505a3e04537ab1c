import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

it("a store on a disk that is really full: a change is refused whole, and goes through when there is room", () => {
  const folder = mkdtempSync(join(tmpdir(), "waybill-full-"));
  try {
    const inside = 'mount -t tmpfs -o size=12m tmpfs "$1" && shift && exec "$@"';
    const program = [
      process.execPath,
      "--import",
      import.meta.resolve("tsx"),
      "--conditions=@waybill/source",
      fileURLToPath(new URL("support/fill-store.ts", import.meta.url)),
      folder,
    ];
    const { stdout, stderr, status } = spawnSync(
      "unshare",
      ["-m", "sh", "-c", inside, "sh", folder, ...program],
      { encoding: "utf8", timeout: 60_000 },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({
      code: "STORE_UNWRITABLE",
      message: expect.stringMatching(/no space left/i),
      refused: 50,
      lost: 0,
      late: "late",
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
