import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@waybill/base";
import { parseVmDefinition } from "@waybill/qemu";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Journal, type VmRecord } from "../src/journal/journal.ts";
import { VmManager } from "../src/service/vm-manager.ts";

let directory: string;
let journal: Journal;
let manager: VmManager;
let record: VmRecord;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wbm-"));
  mkdirSync(join(directory, "run"));
  journal = Journal.open(join(directory, "state"));
  const options = {
    run: join(directory, "run"),
    storage: [directory],
    networks: {},
    accelerator: "tcg",
  } as const;
  manager = new VmManager(journal, options, silentLogger);
  const definition = parseVmDefinition({ name: "web01", uuid: randomUUID(), memoryMiB: 16 });
  const custody = { state: "owner" } as const;
  record = { id: definition.uuid, name: "web01", definition, custody, wanted: "running", updated: 0 };
  journal.commit({ vms: [record] });
});

afterEach(async () => {
  await (await manager.machine(record.id))?.stop({ mode: "force" });
  await journal.close();
  rmSync(directory, { recursive: true, force: true });
});

test("whoever looks at a machine while it is being started, or started again, waits for it", async () => {
  for (let round = 0; round < 10; round++) {
    let over = false;
    const looked = (async () => {
      while (!over) {
        await manager.machine(record.id);
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    const machine = await manager.start(record);
    over = true;
    await looked;
    expect(await manager.machine(record.id)).toBe(machine);
    await machine.stop({ mode: "force" });
  }
});
