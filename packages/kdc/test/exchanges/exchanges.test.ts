import { silentLogger, systemClock, systemRandom, toHex, VirtualClock } from "@waybill/base";
import {
  allSids,
  asExchange,
  decodePac,
  decrypt,
  defaultEncTypes,
  type Exchange,
  ExchangeContext,
  extractTicketPac,
  KerberosError,
  KeyUsage,
  parsePrincipal,
  replaceTicketPac,
  ticketExchange,
  verifyPac,
} from "@waybill/kerberos";
import { beforeAll, describe, expect, it } from "vitest";
import { stormRounds, stormTimeout } from "../../../kerberos/test/support/storm.ts";
import type { KdcEvent } from "../../src/index.ts";
import { createTestDomain, type TestDomain, testPassword } from "../../src/testing/index.ts";

const migration = "Microsoft Virtual System Migration Service/kvm02.lab.test";
const minute = 60_000;

async function refusal(work: Promise<unknown>): Promise<KerberosError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof KerberosError)) throw new Error(`no refusal but ${String(error)}`);
  return error;
}

describe("nonces", () => {
  it("come back as they were sent: Heimdal sends the upper half as negative numbers", async () => {
    const { kdc, directory } = await createTestDomain({ users: ["alice"], computers: ["KVM01"] });
    class HeimdalContext extends ExchangeContext {
      override nonce(): number {
        return -5;
      }
    }
    const context = new HeimdalContext({
      clock: systemClock,
      random: systemRandom,
      log: silentLogger,
      etypes: defaultEncTypes,
      maxReferrals: 0,
      path: () => undefined,
    });
    const ask = <T>(exchange: Exchange<T>): T => {
      let step = exchange.next();
      while (step.done !== true) {
        const reply = kdc.handle(step.value.message, { clientAddress: "127.0.0.1", transport: "udp" });
        step = exchange.next(reply);
      }
      return step.value;
    };
    const principal = parsePrincipal(`alice@${directory.domain.realm}`);
    const tgt = ask(asExchange(context, { principal, password: testPassword }));
    ask(
      ticketExchange(context, tgt, parsePrincipal(`cifs/kvm01.lab.test@${directory.domain.realm}`), {
        kdcOptions: 0,
      }),
    );
  });
});

describe("S4U between our client and our KDC", () => {
  let domain: TestDomain;

  beforeAll(async () => {
    domain = await createTestDomain({
      users: ["alice", { name: "sens", sensitive: true }],
      computers: ["KVM01", "KVM02", "KVM03", "KVM04"],
      delegation: {
        KVM01: { to: [migration], protocol: "kerberos" },
        KVM02: { from: ["KVM04$"] },
        KVM03: { to: [migration], protocol: "any" },
      },
    });
  });

  const login = async (name: string) =>
    await domain.client.login({ principal: domain.principal(name), password: testPassword });
  const proxy = async (host: string, user: string) => {
    const tgt = await login(host);
    const evidence = await domain.client.s4u2self({ tgt, user: domain.principal(user) });
    return await domain.client.s4u2proxy({ tgt, evidence, target: domain.principal(migration) });
  };

  it("gives a ticket in the user's name whose PAC says who asserted it and through whom it went", async () => {
    const ticket = await proxy("KVM03$", "alice");
    expect(ticket.client.components).toEqual(["alice"]);
    const key = domain.directory.byName("KVM02")!.keySets[0]!.keys[0]!;
    const krbtgt = domain.directory.krbtgt.keySets[0]!.keys[0]!;
    const part = decrypt(key, KeyUsage.ticket, ticket.ticket.encPart.cipher);
    const pac = verifyPac(decodePac(extractTicketPac(part)!), {
      serverKey: key,
      kdcKey: krbtgt,
      encTicketPart: replaceTicketPac(part),
      requireFullSignature: true,
    });
    expect(allSids(pac.logonInfo!).map(({ sid }) => sid)).toContain("S-1-18-2");
    expect(pac.delegationInfo).toEqual({ proxyTarget: migration, transitedServices: ["KVM03$@LAB.TEST"] });
    expect(pac.requestor).toBeUndefined();
  });

  it("takes the user's own ticket as evidence under Kerberos only", async () => {
    const evidence = await domain.client.getTicket({
      tgt: await login("alice"),
      server: domain.principal("host/kvm01.lab.test"),
    });
    const tgt = await login("KVM01$");
    const ticket = await domain.client.s4u2proxy({ tgt, evidence, target: domain.principal(migration) });
    expect(ticket.client.components).toEqual(["alice"]);
  });

  it.each([
    ["KVM01$", "alice", 0xc000006e, "evidence-not-forwardable"],
    ["KVM03$", "sens", 0xc000006e, "evidence-not-forwardable"],
    ["KVM02$", "alice", 0xc0000225, "resource-does-not-grant"],
  ])("refuses %s for %s with Windows' status and a named reason", async (host, user, status, reason) => {
    const error = await refusal(proxy(host, user));
    expect(error.code).toBe("KDC_ERR_BADOPTION");
    expect(error.ntStatus).toBe(status);
    expect(domain.events.at(-1)?.reason).toBe(reason);
  });

  it("follows the target's descriptor (resource-based)", async () => {
    expect((await proxy("KVM04$", "alice")).client.components).toEqual(["alice"]);
  });

  it.each(["both", "x509", "for-user"] as const)("accepts the user named by %s", async (padata) => {
    const tgt = await login("KVM03$");
    const self = await domain.client.s4u2self(
      { tgt, user: domain.principal("alice"), padata },
      { fresh: true },
    );
    expect(self.client.components).toEqual(["alice"]);
  });
});

describe("lockout, clocks and renamed accounts", () => {
  it("locks after wrong passwords and lets in again when the time is over", async () => {
    const clock = new VirtualClock();
    const domain = await createTestDomain({
      clock,
      users: ["alice"],
      lockout: { threshold: 3, duration: 10 * minute, observationWindow: 10 * minute },
    });
    const principal = domain.principal("alice");
    for (let wrong = 0; wrong < 3; wrong++) {
      expect((await refusal(domain.client.login({ principal, password: "wrong" }))).code).toBe(
        "KDC_ERR_PREAUTH_FAILED",
      );
    }
    expect((await refusal(domain.client.login({ principal, password: testPassword }))).code).toBe(
      "KDC_ERR_CLIENT_REVOKED",
    );
    clock.advance(11 * minute);
    await domain.client.login({ principal, password: testPassword });
    expect(domain.directory.bySam("alice")?.badPasswordCount).toBe(0);
  });

  it("a TGT does not follow its name to another account (CVE-2021-42287)", async () => {
    const domain = await createTestDomain({ users: ["alice"], computers: ["KVM01"] });
    const tgt = await domain.client.login({ principal: domain.principal("alice"), password: testPassword });
    domain.directory.setAttributes("alice", { sAMAccountName: "alice-before" });
    domain.directory.createUser({ name: "alice", cn: "another alice", password: testPassword });
    const server = domain.principal("host/kvm01.lab.test");
    expect((await refusal(domain.client.getTicket({ tgt, server }))).code).toBe("KDC_ERR_TGT_REVOKED");
    expect(domain.events.at(-1)?.reason).toBe("requestor-mismatch");
  });

  it("changes passwords by the domain's policy", async () => {
    const domain = await createTestDomain({ users: ["alice"], passwords: { minAge: 0 } });
    const principal = domain.principal("alice");
    const weak = domain.client.changePassword({ principal, password: testPassword, newPassword: "short" });
    expect((await refusal(weak)).code).toBe("PASSWORD_CHANGE_REFUSED");
    await domain.client.changePassword({ principal, password: testPassword, newPassword: "N3w-secret!" });
    await domain.client.login({ principal, password: "N3w-secret!" });
  });
});

describe("requests mutated at random", () => {
  it("never make the KDC throw or stay silent on a request's tag", { timeout: stormTimeout }, async () => {
    let last: KdcEvent | undefined;
    const domain = await createTestDomain({
      users: ["alice"],
      computers: ["KVM01"],
      keepEvents: false,
      onEvent: (event) => {
        last = event;
      },
    });
    const requests: Uint8Array[] = [];
    const client = domain.newClient({
      transport: {
        exchange: async (realm, request, options) => {
          requests.push(request);
          return await domain.transport.exchange(realm, request, options);
        },
      },
    });
    const tgt = await client.login({ principal: domain.principal("KVM01$"), password: testPassword });
    await client.s4u2self({ tgt, user: domain.principal("alice") });
    let seed = 1;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % below;
    };
    for (let run = 0; run < stormRounds; run++) {
      const mutated = requests[run % requests.length]!.slice(0);
      for (let change = 0; change <= random(4); change++)
        mutated[1 + random(mutated.length - 1)] = random(256);
      const cut = random(8) === 0 ? mutated.subarray(0, 1 + random(mutated.length)) : mutated;
      const reply = domain.kdc.handle(cut, { clientAddress: "fuzz", transport: "memory" });
      if (reply.length === 0) expect.fail(`silent on ${toHex(cut)}`);
      if (last?.reason === "internal-error") expect.fail(`internal error for ${toHex(cut)}`);
    }
  });
});
