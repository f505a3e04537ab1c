import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDisk, inspectDisk } from "../../src/index.ts";
import { runProgram } from "../../src/run-program.ts";

describe("disk images", () => {
  let directory: string;
  const at = (name: string): string => join(directory, name);
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "wb-img-"));
  });
  afterAll(async () => await rm(directory, { recursive: true }));

  test("are created empty, read back, and never overwritten", async () => {
    for (const format of ["raw", "qcow2"] as const) {
      const disk = { path: at(`a.${format}`), format };
      await createDisk(disk, 8 << 20);
      expect(await inspectDisk(disk)).toEqual({ format, virtualSize: 8 << 20 });
      await expect(createDisk(disk, 8 << 20)).rejects.toMatchObject({ code: "DISK_NOT_CREATED" });
    }
  });

  test("a qcow2 image that names another file is refused", async () => {
    await createDisk({ path: at("base.raw"), format: "raw" }, 1 << 20);
    const overlay = ["create", "-q", "-f", "qcow2", "-F", "raw", "-b", at("base.raw"), at("overlay.qcow2")];
    await runProgram("qemu-img", overlay);
    const data = [
      "create",
      "-q",
      "-f",
      "qcow2",
      "-o",
      `data_file=${at("data.raw")}`,
      at("split.qcow2"),
      "1M",
    ];
    await runProgram("qemu-img", data);
    for (const name of ["overlay.qcow2", "split.qcow2"])
      await expect(inspectDisk({ path: at(name), format: "qcow2" })).rejects.toMatchObject({
        code: "DISK_HAS_BACKING_FILE",
      });
  });

  test("what is missing, and what is no image", async () => {
    await expect(inspectDisk({ path: at("none"), format: "raw" })).rejects.toMatchObject({
      code: "DISK_UNREADABLE",
    });
    await writeFile(at("text"), "hello");
    await expect(inspectDisk({ path: at("text"), format: "qcow2" })).rejects.toMatchObject({
      code: "DISK_FORMAT",
    });
  });
});
