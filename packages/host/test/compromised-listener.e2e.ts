import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { join } from "node:path";
import { sleep } from "@waybill/base";
import { testPassword } from "@waybill/kdc/testing";
import { type ChannelBindings, createInitiator, tlsServerEndPoint } from "@waybill/kerberos";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { IpcClient } from "../src/ipc/ipc-client.ts";
import { operations } from "../src/service/operate.ts";
import { TwoHosts } from "./support/two-hosts.ts";

const options = { timeout: 60_000 };

describe("a listener that somebody took over speaks the local socket at will", () => {
  let world: TwoHosts;
  let socket: string;
  let evil: IpcClient;
  beforeAll(async () => {
    world = await TwoHosts.start();
    socket = join(world.hosts[0].run, "service.sock");
  });
  afterAll(async () => await world.close());
  beforeEach(() => {
    evil = new IpcClient(socket);
  });
  afterEach(() => evil.close());

  async function tokenOf(name: string, channelBindings?: ChannelBindings): Promise<Uint8Array> {
    const { domain, hosts } = world;
    const tgt = await domain.client.login({ principal: domain.principal(name), password: testPassword });
    const server = domain.principal(`WSMAN/${hosts[0].fullName}`);
    const credential = await domain.newClient().getTicket({ tgt, server });
    return createInitiator({ credential, channelBindings }).step().token ?? new Uint8Array();
  }

  async function sessionOf(name: string, ipc: IpcClient): Promise<string> {
    const answer = await ipc.call("accept", { connection: name, token: await tokenOf(name) }, options);
    return (answer as { session: string }).session;
  }

  const operate = async (session: string, operation: string, ...args: readonly unknown[]): Promise<unknown> =>
    await evil.call("operate", { session, operation, args }, options);

  test("gets a session, and neither key nor ticket with it", async () => {
    const answer = await evil.call("accept", { connection: "x", token: await tokenOf("alice") }, options);
    expect(Object.keys(answer as object).toSorted()).toEqual(["established", "session", "token"]);
    const status = JSON.stringify(await operate((answer as { session: string }).session, "hostStatus"));
    expect(status).not.toMatch(/key|ticket"|keytab/i);
  });

  test("has the rights of its live sessions and no others", async () => {
    const dave = await sessionOf("dave", evil);
    expect(await operate(dave, "listVirtualMachines")).toEqual([]);
    const move = { vmId: world.vm, destinationHost: world.hosts[1].fullName, type: "vm" };
    await expect(operate(dave, "migrate", move)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(operate(dave, "requestVmState", world.vm, "off")).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
    await expect(operate(dave, "modifyMigrationSettings", {})).rejects.toMatchObject({
      code: "ACCESS_DENIED",
    });
    await expect(operate(dave, "auditRecords", {})).rejects.toMatchObject({ code: "ACCESS_DENIED" });
  });

  test("cannot reach sessions and connections of another listener, or ended ones", async () => {
    const other = new IpcClient(socket);
    const alice = await sessionOf("alice", other);
    await expect(operate(alice, "listVirtualMachines")).rejects.toMatchObject({ code: "SESSION_UNKNOWN" });
    const plain = new Uint8Array(8);
    for (const call of ["seal", "unseal"] as const)
      await expect(
        evil.call(call, { connection: "alice", plain, header: plain, payload: plain }, options),
      ).rejects.toMatchObject({ code: "SESSION_UNKNOWN" });
    const own = await sessionOf("dave", evil);
    await evil.call("close", { connection: "dave" }, options);
    await expect(operate(own, "hostStatus")).rejects.toMatchObject({ code: "SESSION_UNKNOWN" });
    other.close();
    await sleep(50);
    await expect(operate(alice, "hostStatus")).rejects.toMatchObject({ code: "SESSION_UNKNOWN" });
  });

  test("cannot use a token twice", async () => {
    const token = await tokenOf("alice");
    await evil.call("accept", { connection: "1", token }, options);
    await expect(evil.call("accept", { connection: "2", token }, options)).rejects.toMatchObject({
      code: "KRB_AP_ERR_REPEAT",
    });
  });

  test("says of the TLS connection what it likes: a session that it could have had anyway, or none", async () => {
    const [real, other] = [1, 2].map((byte) => tlsServerEndPoint(new Uint8Array(32).fill(byte)));
    const accept = async (bound: ChannelBindings | undefined, channel: unknown): Promise<unknown> => {
      const token = await tokenOf("dave", bound);
      return await evil.call("accept", { connection: randomUUID(), token, channel }, options);
    };
    const established = { established: true };
    expect(await accept(real, real?.applicationData)).toMatchObject(established);
    await expect(accept(real, other?.applicationData)).rejects.toMatchObject({ code: "GSS_BAD_BINDINGS" });
    // "It came in clear": the caller thinks it was TLS, and the listener has the plain text in either case.
    expect(await accept(real, undefined)).toMatchObject(established);
    expect(await accept(undefined, real?.applicationData)).toMatchObject(established);
    for (const nonsense of ["text", 7, null, {}, new Uint8Array(5000)])
      await expect(accept(real, nonsense)).rejects.toMatchObject({ code: "IPC_MALFORMED" });
    const { session } = (await accept(real, real?.applicationData)) as { session: string };
    expect(await operate(session, "listVirtualMachines")).toEqual([]);
  });

  test.each(["constructor", "__proto__", "hostName", "toString", ""])("cannot call %j", async (operation) => {
    const session = await sessionOf("dave", evil);
    await expect(operate(session, operation)).rejects.toMatchObject({ code: "INVALID_REQUEST" });
  });

  test("nonsense for arguments is refused by name, whatever the operation", async () => {
    const session = await sessionOf("alice", evil);
    const nonsense: readonly unknown[] = [
      7,
      { vmId: {} },
      [[]],
      { name: 3, document: 4 },
      "x".repeat(5000),
      null,
    ];
    for (const operation of operations)
      for (const value of nonsense) {
        const code = await operate(session, operation, value, value).then(
          () => "accepted",
          (error: { code: string }) => error.code,
        );
        expect([operation, value, code]).not.toContain("INTERNAL_ERROR");
      }
    expect(world.copies.running).toHaveLength(1);
  });

  test.each([
    ["a length of 4 GiB", Buffer.from([0xff, 0xff, 0xff, 0xff, 1])],
    ["no JSON", Buffer.from([0, 0, 0, 3, 0x7b, 0x7b, 0x7b])],
    ["a call that is not on the list", frame({ id: 1, call: "readKeytab", parameters: {} })],
    ["no object", frame(null)],
    ["deep nesting", frame(JSON.parse(`${"[".repeat(500)}${"]".repeat(500)}`))],
  ])("%s ends its connection and nothing else", async (_what, bytes) => {
    const raw = connect(socket);
    const closed = new Promise((resolve) => raw.on("close", resolve));
    raw.on("error", () => {});
    raw.write(bytes);
    await closed;
    expect(await sessionOf("dave", evil)).toMatch(/-/);
  });
});

function frame(message: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(message));
  const header = Buffer.alloc(4);
  header.writeUInt32BE(body.length, 0);
  return Buffer.concat([header, body]);
}
