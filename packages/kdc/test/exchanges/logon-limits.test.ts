import { capture } from "@waybill/asn1";
import { VirtualClock } from "@waybill/base";
import { AsReq, KdcReqBody, type KdcTransport, KerberosError, NtStatus } from "@waybill/kerberos";
import { describe, expect, it } from "vitest";
import { createTestDomain, type TestDomain, testPassword } from "../../src/testing/index.ts";

const hour = 60 * 60_000;

/** All week but the given hours, counted from Sunday midnight UTC. */
function allHoursBut(...closed: readonly number[]): Uint8Array {
  const hours = new Uint8Array(21).fill(0xff);
  for (const index of closed) hours[index >> 3]! &= ~(1 << (index & 7));
  return hours;
}

async function refusal(work: Promise<unknown>): Promise<[string, number | undefined]> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof KerberosError)) throw new Error(`no refusal but ${String(error)}`);
  // PA-PW-SALT of a refused login: the status, four octets of zero, flags. MS-KILE section 2.2.2.
  const data = Buffer.from(error.krbError?.eData ?? []);
  const at = data.indexOf(Buffer.from("0000000003000000", "hex"));
  return [error.code, at < 4 ? undefined : data.readUInt32LE(at - 4)];
}

const login = async (domain: TestDomain): Promise<unknown> =>
  await domain.newClient().login({ principal: domain.principal("alice"), password: testPassword });

describe("logon hours, MS-SAMR section 2.2.6.5", () => {
  // Wednesday, 2026-11-04.
  const wednesday = Date.UTC(2026, 10, 4, 13, 30);

  it("close at their hour and open at the next", async () => {
    const clock = new VirtualClock(wednesday);
    const attributes = { logonHours: allHoursBut(3 * 24 + 13) };
    const domain = await createTestDomain({ clock, users: [{ name: "alice", attributes }] });
    expect(await refusal(login(domain))).toEqual([
      "KDC_ERR_CLIENT_REVOKED",
      NtStatus.STATUS_INVALID_LOGON_HOURS,
    ]);
    expect(domain.events.at(-1)?.reason).toBe("client-outside-logon-hours");
    clock.advance(hour);
    await login(domain);
    clock.advance(-2 * hour);
    await login(domain);
  });

  it("do not end the tickets of who is in already, nor keep a service from acting for a user", async () => {
    const clock = new VirtualClock(wednesday - hour);
    const attributes = { logonHours: allHoursBut(3 * 24 + 13) };
    const domain = await createTestDomain({
      clock,
      users: [{ name: "alice", attributes }],
      computers: ["KVM01"],
    });
    const tgt = await domain.client.login({ principal: domain.principal("alice"), password: testPassword });
    clock.advance(hour);
    await domain.client.getTicket({ tgt, server: domain.principal("host/kvm01.lab.test") });
    const host = await domain.client.login({ principal: domain.principal("KVM01$"), password: testPassword });
    await domain.client.s4u2self({ tgt: host, user: domain.principal("alice") });
  });
});

describe("userWorkstations", () => {
  /** Sends the login with the machine's NetBIOS name among its addresses, as Windows does. */
  const from = (domain: TestDomain, name: string): KdcTransport => ({
    exchange: async (realm, request, options) => {
      const message = AsReq.decode(request);
      const address = Buffer.from(name.padEnd(16, " "));
      const body = { ...message.reqBody.value, addresses: [{ addrType: 20, address }] };
      const reqBody = capture(KdcReqBody, body);
      return await domain.transport.exchange(realm, AsReq.encode({ ...message, reqBody }), options);
    },
  });

  it("name the machines a person may sign in at; one without a name is none of them", async () => {
    const domain = await createTestDomain({
      users: [{ name: "alice", attributes: { userWorkstations: "DESK1, Desk2" } }],
    });
    expect(await refusal(login(domain))).toEqual(["KDC_ERR_POLICY", NtStatus.STATUS_INVALID_WORKSTATION]);
    expect(domain.events.at(-1)?.reason).toBe("client-workstation");
    const at = async (name: string): Promise<unknown> =>
      await domain
        .newClient({ transport: from(domain, name) })
        .login({ principal: domain.principal("alice"), password: testPassword });
    // Our client notices that its request was changed on the way.
    expect((await refusal(at("desk2")))[0]).toBe("KDC_REPLY_MODIFIED");
    expect(domain.events.at(-1)).toMatchObject({ exchange: "as", outcome: "issued" });
    expect((await refusal(at("DESK3")))[0]).toBe("KDC_ERR_POLICY");
  });
});
