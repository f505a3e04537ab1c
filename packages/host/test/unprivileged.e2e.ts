import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseHostConfig } from "../src/index.ts";
import { TwoHosts } from "./support/two-hosts.ts";

const nobody = 65534;

describe("run-as and listener-user", () => {
  let world: TwoHosts;
  beforeAll(async () => {
    world = await TwoHosts.start({ config: () => ({ "run-as": "nobody", "listener-user": "nobody" }) });
  });
  afterAll(async () => await world.close());

  test("QEMU has no privileges at the source, and none at the destination after an encrypted move", async () => {
    for (let round = 0; round < 2; round++) {
      const from = world.home;
      const status = readFileSync(`/proc/${world.copies.pid(from)}/status`, "utf8");
      expect(status).toMatch(/Uid:\s+65534\s+65534\s+65534/);
      if (round === 0)
        expect(await world.outcome(from, await world.move(from))).toMatchObject({ state: "completed" });
      await world.settled();
    }
  });

  test("the listener's user, and no other, may open the service's socket; state stays closed", () => {
    for (const host of world.hosts) {
      const socket = statSync(join(host.run, "service.sock"));
      expect([socket.uid, socket.mode & 0o777]).toEqual([nobody, 0o600]);
      expect(statSync(join(host.run, "..", "state")).mode & 0o077).toBe(0);
    }
  });
});

test("run-as needs a run folder that its user can reach", () => {
  const config = "host: kvm01.lab.test\nrealm: LAB.TEST\nkeytab: /k\nstate: /s\nrun-as: nobody\n";
  expect(() => parseHostConfig(config)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
});
