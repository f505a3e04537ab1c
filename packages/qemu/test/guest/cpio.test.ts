import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { encodeCpio } from "../../src/guest/cpio.ts";

test("GNU cpio unpacks what is packed here", () => {
  const directory = mkdtempSync(join(tmpdir(), "wb-cpio-"));
  try {
    const archive = encodeCpio([
      { path: "bin", kind: "directory" },
      { path: "bin/tool", kind: "file", bytes: Buffer.from("odd"), executable: true },
      { path: "bin/alias", kind: "link", target: "tool" },
    ]);
    execFileSync("cpio", ["-i", "--quiet"], { cwd: directory, input: archive });
    expect(readFileSync(join(directory, "bin/alias"), "utf8")).toBe("odd");
    expect(statSync(join(directory, "bin/tool")).mode & 0o777).toBe(0o755);
    const listing = execFileSync("cpio", ["-tv", "--quiet"], {
      input: encodeCpio([{ path: "dev/console", kind: "device", numbers: [5, 1] }]),
    });
    expect(listing.toString()).toMatch(/^crw-.* 5, +1 .*dev\/console/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
