import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LogFacts } from "@waybill/base";
import { silentLogger } from "@waybill/base";
import { KdcProxyMessage } from "@waybill/kerberos";
import { LdapClient } from "@waybill/ldap";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createControllerState, DomainController } from "../../src/index.ts";

/** Answered with a KRB-ERROR: the beginning of an AS-REQ. */
const badRequest = Buffer.from([0x6a, 0]);

describe("requests of one client address", () => {
  let dir: string;
  let dc: DomainController;
  let start: (perSecond: number) => Promise<void>;
  let logged: { event: string; facts: LogFacts | undefined }[];

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), "waybill-rate-"));
    logged = [];
    const state = join(dir, "state");
    await createControllerState(state, { realm: "LAB.TEST" }).close();
    const log = {
      ...silentLogger,
      warn: (event: string, facts?: LogFacts): void => void logged.push({ event, facts }),
    };
    start = async (perSecond) => {
      dc = await DomainController.start({
        state,
        ports: { kdc: 0, kpasswd: 0, ldap: 0, ldaps: 0, kkdcp: 0, metrics: 0 },
        // Tests come from the machine itself.
        requestRate: { perSecond, burst: 20, exempt: () => false },
        log,
      });
    };
  });

  afterEach(async () => {
    await dc.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const limited = (): { event: string; facts: LogFacts | undefined }[] =>
    logged.filter(({ event }) => event === "dc.limited");
  const metrics = async (): Promise<string> =>
    await (await fetch(`http://127.0.0.1:${dc.metricsPort}/metrics`)).text();

  it("over UDP are answered up to the limit; one line of the log says so, and a metric", async () => {
    await start(0.01);
    const socket = createSocket("udp4");
    let answers = 0;
    socket.on("message", () => answers++);
    for (let count = 0; count < 500; count++) socket.send(badRequest, dc.kdcServer!.port, "127.0.0.1");
    await expect.poll(() => answers).toBeGreaterThanOrEqual(20);
    await expect
      .poll(async () => (await metrics()).match(/waybill_kdc_limited_requests (\d+)/)?.[1])
      .not.toBe("0");
    await new Promise((resolve) => setTimeout(resolve, 100));
    socket.close();
    expect(answers).toBe(20);
    expect(limited()).toEqual([
      {
        event: "dc.limited",
        facts: { reason: "too-many-requests", clientAddress: "127.0.0.1", requests: 1 },
      },
    ]);
  });

  it("over TCP lose their connection, over HTTPS are told to wait", async () => {
    await start(0.01);
    const socket = connect({ host: "127.0.0.1", port: dc.kdcServer!.port });
    const framed = Buffer.concat([Buffer.from([0, 0, 0, badRequest.length]), badRequest]);
    socket.resume();
    socket.write(Buffer.concat(Array.from({ length: 100 }, () => framed)));
    await once(socket, "close");
    const body = KdcProxyMessage.encode({ kerbMessage: framed });
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const ask = request(
        { host: "127.0.0.1", port: dc.kdcServer!.kkdcpPort, path: "/KdcProxy", method: "POST", ca: dc.ca },
        (response) => resolve(response.resume().statusCode),
      );
      ask.on("error", reject);
      ask.end(body);
    });
    expect(status).toBe(429);
    expect(limited()).toHaveLength(1);
  });

  it("over LDAP are read more slowly, and new connections turned away", async () => {
    await start(1);
    const client = await LdapClient.connect({ url: `ldap://127.0.0.1:${dc.ldapPort}`, timeout: 30_000 });
    const started = performance.now();
    for (let count = 0; count < 22; count++) await client.rootDse();
    expect(performance.now() - started).toBeGreaterThan(500);
    expect(limited()).toHaveLength(1);
    // As long as more is asked than there is room for.
    const asking = Array.from({ length: 5 }, () => client.rootDse().catch(() => undefined));
    const another = connect({ host: "127.0.0.1", port: dc.ldapPort ?? 0 });
    another.on("error", () => {});
    await once(another, "close");
    client.close();
    await Promise.all(asking);
  });
});
