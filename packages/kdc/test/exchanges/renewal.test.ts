import { VirtualClock } from "@waybill/base";
import {
  type Credential,
  decodePac,
  decrypt,
  type EncryptionKey,
  EncTicketPart,
  encrypt,
  extractTicketPac,
  KdcOptions,
  KerberosError,
  KeyUsage,
  replaceTicketPac,
  signTicketPac,
  TicketFlags,
  verifyPac,
} from "@waybill/kerberos";
import { beforeEach, describe, expect, it } from "vitest";
import { kpasswdExchange } from "../../../kerberos/src/client/kpasswd-exchange.ts";
import { tgsExchange } from "../../../kerberos/src/client/tgs-exchange.ts";
import { createTestDomain, type TestDomain, testPassword } from "../../src/testing/index.ts";

const hour = 60 * 60_000;

describe("renewal and validation, RFC 4120 section 3.3.3.1", () => {
  let domain: TestDomain;
  let clock: VirtualClock;
  let ticket: Credential;

  beforeEach(async () => {
    clock = new VirtualClock();
    domain = await createTestDomain({ clock, users: ["alice"], computers: ["KVM01", "KVM02"] });
    ticket = await login("host/kvm01.lab.test");
  });

  const login = async (server?: string): Promise<Credential> =>
    await domain.client.login({
      principal: domain.principal("alice"),
      password: testPassword,
      lifetime: 2 * hour,
      renewableLifetime: 24 * hour,
      ...(server === undefined ? {} : { server: domain.principal(server) }),
    });
  const keyOf = (account: string): EncryptionKey => domain.directory.byName(account)!.keySets[0]!.keys[0]!;
  const refusal = async (work: Promise<unknown>): Promise<[string, string | undefined]> => {
    const error = await work.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof KerberosError)) throw new Error(`no refusal but ${String(error)}`);
    return [error.code, domain.events.at(-1)?.reason];
  };
  /** One TGS exchange with a ticket as it is, and whatever options. */
  const ask = async (tgt: Credential, server: string, kdcOptions: number): Promise<Credential> => {
    const { context } = domain.newClient();
    const request = {
      tgt,
      server: domain.principal(server),
      kdcOptions,
      realm: domain.realm,
      rtime: tgt.renewTill,
    };
    const exchange = tgsExchange(context, request);
    let step = exchange.next();
    while (step.done !== true) {
      const options = {
        service: "kdc",
        signal: new AbortController().signal,
        deadline: Date.now() + 30_000,
      } as const;
      step = exchange.next(
        await domain.transport.exchange(domain.realm, step.value.message, options as never),
      );
    }
    return step.value;
  };
  /** The ticket with another inner part, under the service's own key. */
  const reissued = (change: (part: EncTicketPart) => EncTicketPart, resign: boolean): Credential => {
    const key = keyOf("KVM01$");
    const bytes = decrypt(key, KeyUsage.ticket, ticket.ticket.encPart.cipher);
    const pac = decodePac(extractTicketPac(bytes)!);
    const changed = EncTicketPart.encode(change(EncTicketPart.decode(bytes)));
    const signed = resign
      ? signTicketPac(replaceTicketPac(changed), pac.with({}), {
          serverKey: key,
          kdcKey: keyOf("krbtgt"),
          service: true,
        })
      : changed;
    const cipher = encrypt(key, KeyUsage.ticket, signed);
    return { ...ticket, ticket: { ...ticket.ticket, encPart: { ...ticket.ticket.encPart, cipher } } };
  };

  it("gives a service ticket a new life, signed anew, until its renew-till", async () => {
    clock.advance(hour);
    const renewed = await domain.client.renew(ticket);
    expect(renewed.endTime - ticket.endTime).toBe(hour);
    expect(renewed.renewTill).toBe(ticket.renewTill);
    expect(renewed.authTime).toBe(ticket.authTime);
    const key = keyOf("KVM01$");
    const part = decrypt(key, KeyUsage.ticket, renewed.ticket.encPart.cipher);
    verifyPac(decodePac(extractTicketPac(part)!), {
      serverKey: key,
      kdcKey: keyOf("krbtgt"),
      encTicketPart: replaceTicketPac(part),
      requireFullSignature: true,
    });
    clock.advance(1.5 * hour);
    const again = await domain.client.renew(renewed);
    clock.advance(again.endTime - clock.now() + 1000);
    expect((await refusal(ask(again, "host/kvm01.lab.test", KdcOptions.renew)))[0]).toMatch(/EXPIRED/);
  });

  it("renews ticket-granting tickets, and a renewable ticket from the TGS too", async () => {
    const tgt = await login();
    const granted = await ask(tgt, "host/kvm02.lab.test", KdcOptions.renewable);
    expect(granted.flags & TicketFlags.renewable).not.toBe(0);
    clock.advance(hour);
    for (const credential of [tgt, granted]) {
      expect((await domain.client.renew(credential)).endTime).toBeGreaterThan(credential.endTime);
    }
  });

  it.each([
    [
      "a service ticket for anything but renewal",
      "cifs/kvm01.lab.test",
      0,
      "KRB_AP_ERR_NOT_US",
      "ticket-of-another-service",
    ],
    [
      "a service ticket to get one for another service",
      "host/kvm02.lab.test",
      KdcOptions.renew,
      "KDC_ERR_SERVER_NOMATCH",
      "renewal-for-another-service",
    ],
    [
      "a service ticket to get a ticket-granting ticket",
      "krbtgt/LAB.TEST",
      KdcOptions.renew,
      "KDC_ERR_SERVER_NOMATCH",
      "renewal-for-another-service",
    ],
    [
      "validation of what is valid",
      "host/kvm01.lab.test",
      KdcOptions.validate,
      "KDC_ERR_BADOPTION",
      "ticket-already-valid",
    ],
  ])("does not take %s", async (_what, server, options, code, reason) => {
    expect(await refusal(ask(ticket, server, options))).toEqual([code, reason]);
  });

  it("does not take a renewable ticket that the service made up with its own key", async () => {
    const longer = reissued((part) => ({ ...part, renewTill: (part.renewTill ?? 0) + 24 * hour }), false);
    expect(await refusal(ask(longer, "host/kvm01.lab.test", KdcOptions.renew))).toEqual([
      "KRB_AP_ERR_MODIFIED",
      "renewed-ticket-forged",
    ]);
  });

  it("validates an invalid ticket once its time has come", async () => {
    const start = clock.now() + hour;
    const postdated = reissued(
      (part) => ({ ...part, starttime: start, flags: (part.flags | TicketFlags.invalid) >>> 0 }),
      true,
    );
    const validate = async (): Promise<Credential> =>
      await ask(postdated, "host/kvm01.lab.test", KdcOptions.validate);
    expect(await refusal(validate())).toEqual(["KRB_AP_ERR_TKT_NYV", "ticket-not-yet-valid"]);
    clock.advance(hour);
    expect(await refusal(ask(postdated, "host/kvm01.lab.test", KdcOptions.renew))).toEqual([
      "KRB_AP_ERR_TKT_NYV",
      "ticket-not-yet-valid",
    ]);
    expect((await validate()).flags & TicketFlags.invalid).toBe(0);
  });

  it("does not renew for an account that was disabled, once its login is twenty minutes old", async () => {
    domain.directory.setFlags("alice", { accountDisable: true });
    clock.advance(hour);
    expect(await refusal(domain.client.renew(ticket))).toEqual(["KDC_ERR_CLIENT_REVOKED", "client-disabled"]);
  });

  it("postdates nothing", async () => {
    const tgt = await login();
    expect(await refusal(ask(tgt, "host/kvm01.lab.test", KdcOptions.postdated))).toEqual([
      "KDC_ERR_CANNOT_POSTDATE",
      "postdated-not-supported",
    ]);
  });

  it("a ticket for a password change is not one for tickets under another name, nor the reverse", async () => {
    domain.directory.setAttributes("alice", { pwdLastSet: "0" });
    const expired = await login("kadmin/changepw");
    const renamed = (credential: Credential, name: string): Credential => {
      const sname = { nameType: 2, nameString: name.split("/") };
      return {
        ...credential,
        server: domain.principal(name),
        ticket: { ...credential.ticket, sname },
      };
    };
    expect(await refusal(ask(renamed(expired, "krbtgt/LAB.TEST"), "host/kvm01.lab.test", 0))).toEqual([
      "KDC_ERR_TGT_REVOKED",
      "requestor-mismatch",
    ]);
    expect(await refusal(ask(expired, "kadmin/changepw", KdcOptions.renew))).toEqual([
      "KDC_ERR_BADOPTION",
      "renewal-of-password-ticket",
    ]);
    domain.directory.setFlags("alice", { dontExpirePassword: true });
    const credential = renamed(await login(), "kadmin/changepw");
    const exchange = kpasswdExchange(domain.newClient().context, { credential, newPassword: "N3w-secret!" });
    const step = exchange.next();
    if (step.done === true) throw new Error("no request");
    domain.passwords.handle(step.value.message, { clientAddress: "memory", transport: "memory" });
    expect(domain.events.at(-1)).toMatchObject({
      exchange: "kpasswd",
      outcome: "refused",
      reason: "ticket-of-another-service",
    });
  });
});
