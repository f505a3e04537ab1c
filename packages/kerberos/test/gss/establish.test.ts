import { emptyBytes, utf8 } from "@waybill/base";
import { describe, expect, test } from "vitest";
import { decrypt, encrypt, randomKey } from "../../src/crypto/index.ts";
import { GssFlags, MemoryReplayCache, tlsServerEndPoint } from "../../src/gss/index.ts";
import { EncTicketPart } from "../../src/messages/index.ts";
import { parsePrincipal } from "../../src/principal.ts";
import { EncType, KeyUsage, TicketFlags } from "../../src/registry/index.ts";
import { domainSid, establish, Service } from "./fixture.ts";

const failing = (code: string) => expect.objectContaining({ code });
const etypes = [17, 18, 19, 20];
const { mutual, replay, sequence, confidentiality, integrity, dceStyle } = GssFlags;
const flagSets = [
  0,
  mutual,
  replay | sequence,
  mutual | replay | sequence | integrity | confidentiality,
  mutual | integrity,
  confidentiality,
];

describe("RFC 4121 4.1: context establishment", () => {
  describe.each(["krb5", "spnego"] as const)("%s", (mechanism) => {
    test.each(etypes.flatMap((etype) => flagSets.map((flags) => [etype, flags] as const)))(
      "etype %i, flags 0x%s",
      (etype, flags) => {
        const service = new Service(etype);
        const initiator = service.initiator({ mechanism, flags, credential: service.ticket() });
        const { client, server } = establish(initiator, service.acceptor());
        expect(server.peerName).toBe("alice@LAB.TEST");
        expect(client.peerName).toBe("WSMAN/kvm01.lab.test@LAB.TEST");
        expect(server.flags).toBe(flags);
        expect(initiator.context).toBe(client);
        for (const confidential of [true, false]) {
          for (const size of [0, 1, 15, 16, 17, 5000]) {
            const message = new Uint8Array(size).fill(7);
            expect(server.unwrap(client.wrap(message, confidential))).toEqual({ message, confidential });
            expect(client.unwrap(server.wrap(message, confidential))).toEqual({ message, confidential });
          }
        }
        server.verifyMic(utf8("m"), client.getMic(utf8("m")));
        client.verifyMic(utf8("m"), server.getMic(utf8("m")));
        const input = utf8("waybill");
        expect(client.prf(input, 100)).toEqual(server.prf(input, 100));
        expect(client.prf(input, 100, true)).toEqual(server.prf(input, 100, true));
        const mutualDone = (flags & mutual) !== 0;
        expect(Buffer.compare(client.prf(input, 32), client.prf(input, 32, true)) === 0).toBe(!mutualDone);
      },
    );

    test("DCE style takes three legs", () => {
      const service = new Service();
      const initiator = service.initiator({ mechanism, flags: dceStyle | integrity | confidentiality });
      const { client, server, tokens } = establish(initiator, service.acceptor());
      if (mechanism === "krb5") expect(tokens.map((token) => token[0])).toEqual([0x6e, 0x6f, 0x6f]);
      const sealed = client.wrapWithHeader(utf8("request"));
      expect(sealed.header.length).toBe(76);
      expect(server.unwrapWithHeader(sealed.header, sealed.payload)).toEqual(utf8("request"));
    });
  });

  test("DCE style: the second leg cannot be sent back as the third", () => {
    const service = new Service();
    const acceptor = service.acceptor();
    const first = service.initiator({ mechanism: "krb5", flags: dceStyle }).step();
    const second = acceptor.step(first.token);
    expect(() => acceptor.step(second.token)).toThrow(failing("KRB_AP_ERR_MUT_FAIL"));
  });

  test("the acceptor exposes evidence, PAC and session key", () => {
    const service = new Service();
    const credential = service.ticket();
    const { server, client } = establish(service.initiator({ credential }), service.acceptor());
    expect(server.evidence!.ticket).toEqual(credential.ticket);
    expect(server.evidence!.flags & TicketFlags.forwardable).not.toBe(0);
    expect(server.evidence!.encTicketPart.cname.nameString).toEqual(["alice"]);
    expect(server.evidence!.sessionKey.keyvalue).toEqual(credential.key.keyvalue);
    expect(server.pac!.logonInfo!.logonDomainId).toBe(domainSid);
    expect(client.evidence).toBeUndefined();
    expect(server.delegatedCredentials).toBeUndefined();
  });

  test("4.1.1: a delegated ticket arrives whole", () => {
    const service = new Service();
    const delegate = service.ticket("alice@LAB.TEST", { server: parsePrincipal("krbtgt/LAB.TEST@LAB.TEST") });
    const { server } = establish(service.initiator({ delegate }), service.acceptor());
    expect(server.flags & GssFlags.delegate).toBe(GssFlags.delegate);
    const [got] = server.delegatedCredentials!;
    expect(got).toMatchObject({
      client: delegate.client,
      server: delegate.server,
      ticket: delegate.ticket,
      flags: delegate.flags,
      endTime: delegate.endTime,
    });
    expect(got!.key.keyvalue).toEqual(delegate.key.keyvalue);
  });

  test("a ticket source is asked once, by prepare", async () => {
    const service = new Service();
    let asked = 0;
    const initiator = service.initiator({
      credential: undefined,
      ticketSource: async () => {
        asked++;
        return service.ticket();
      },
    });
    expect(() => initiator.step()).toThrow(failing("GSS_NO_CREDENTIAL"));
    await initiator.prepare();
    await initiator.prepare();
    establish(initiator, service.acceptor());
    expect(asked).toBe(1);
  });
});

describe("RFC 4121 4.1.1.2: channel bindings", () => {
  const here = tlsServerEndPoint(new Uint8Array(32).fill(1));
  const elsewhere = tlsServerEndPoint(new Uint8Array(32).fill(2));
  const run = (mine?: typeof here, theirs?: typeof here, requireChannelBindings?: boolean) => {
    const service = new Service();
    return establish(
      service.initiator({ channelBindings: mine }),
      service.acceptor({ channelBindings: theirs, requireChannelBindings }),
    ).server.channelBound;
  };
  test("same, absent, other", () => {
    expect(run(here, here)).toBe(true);
    expect(run(here, here, true)).toBe(true);
    expect(run(undefined, here)).toBe(false);
    expect(run(here, undefined)).toBe(false);
    expect(run()).toBe(false);
    expect(() => run(elsewhere, here)).toThrow(failing("GSS_BAD_BINDINGS"));
    expect(() => run(undefined, here, true)).toThrow(failing("GSS_BAD_BINDINGS"));
    expect(() => run(here, undefined, true)).toThrow(failing("GSS_BAD_BINDINGS"));
  });
});

describe("RFC 4120 3.2.3: refusals have names, and the initiator hears them", () => {
  const refusal = (
    code: string,
    service: Service,
    initiator = service.initiator({ mechanism: "krb5" }),
    acceptor = service.acceptor(),
  ) => {
    const { token } = initiator.step();
    let reply: Uint8Array | undefined;
    try {
      acceptor.step(token);
      expect.unreachable(code);
    } catch (error) {
      expect(error).toMatchObject({ code });
      reply = (error as { token?: Uint8Array }).token;
    }
    return { reply, initiator };
  };

  test("KRB_AP_ERR_SKEW", () => {
    const service = new Service();
    const initiator = service.initiator();
    const { token } = initiator.step();
    service.clock.advance(301_000);
    const acceptor = service.acceptor();
    let reply: Uint8Array | undefined;
    try {
      acceptor.step(token);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: "KRB_AP_ERR_SKEW" });
      reply = (error as { token?: Uint8Array }).token;
    }
    expect(() => initiator.step(reply)).toThrow(
      expect.objectContaining({
        code: "KRB_AP_ERR_SKEW",
        krbError: expect.anything(),
        remedy: expect.any(String),
      }),
    );
  });

  test("KRB_AP_ERR_REPEAT", () => {
    const service = new Service();
    const { token } = service.initiator().step();
    service.acceptor().step(token);
    expect(() => service.acceptor().step(token)).toThrow(failing("KRB_AP_ERR_REPEAT"));
  });

  test("KRB_AP_ERR_MODIFIED, BADKEYVER and NOKEY", () => {
    const service = new Service();
    const other = (kvno: number, etype: number = EncType.aes256CtsHmacSha1) => ({
      entries: [{ principal: service.principal, kvno, key: randomKey(etype) }],
    });
    const start = (acceptor: ReturnType<Service["acceptor"]>, code: string) =>
      refusal(code, service, service.initiator({ mechanism: "krb5" }), acceptor);
    const { reply, initiator } = start(service.acceptor({ keytab: other(3) }), "KRB_AP_ERR_MODIFIED");
    expect(() => initiator.step(reply)).toThrow(failing("KRB_AP_ERR_MODIFIED"));
    start(service.acceptor({ keytab: other(4) }), "KRB_AP_ERR_BADKEYVER");
    start(service.acceptor({ keytab: other(3, EncType.aes128CtsHmacSha1) }), "KRB_AP_ERR_NOKEY");
    start(service.acceptor({ keytab: { entries: [] } }), "KRB_AP_ERR_NOKEY");
    start(service.acceptor({ principal: parsePrincipal("host/x@LAB.TEST") }), "KRB_AP_ERR_NOKEY");
  });

  test("any key of the keytab opens a ticket under an alias of the service", () => {
    const service = new Service();
    const alias = service.ticket("alice@LAB.TEST", {
      server: parsePrincipal("HTTP/kvm01@LAB.TEST"),
      kvno: 9,
    });
    const entries = [
      { principal: service.principal, kvno: 2, key: randomKey(EncType.aes256CtsHmacSha1) },
      ...service.keytab.entries,
    ];
    const { server } = establish(
      service.initiator({ credential: alias }),
      service.acceptor({ keytab: { entries } }),
    );
    expect(server.local.components).toEqual(["HTTP", "kvm01"]);
  });

  test("KRB_AP_ERR_TKT_EXPIRED and TKT_NYV", () => {
    const service = new Service();
    const now = Math.floor(service.clock.now() / 1000) * 1000;
    const credential = (part: object) => service.ticket("alice@LAB.TEST", { part });
    refusal(
      "KRB_AP_ERR_TKT_EXPIRED",
      service,
      service.initiator({ credential: credential({ endtime: now - 400_000 }) }),
    );
    refusal(
      "KRB_AP_ERR_TKT_NYV",
      service,
      service.initiator({ credential: credential({ starttime: now + 400_000 }) }),
    );
    refusal(
      "KRB_AP_ERR_TKT_NYV",
      service,
      service.initiator({ credential: credential({ flags: TicketFlags.invalid }) }),
    );
  });

  test("KRB_AP_ERR_BADMATCH: a ticket of one, an authenticator of another", () => {
    const service = new Service();
    const stolen = { ...service.ticket(), client: parsePrincipal("bob@LAB.TEST") };
    refusal("KRB_AP_ERR_BADMATCH", service, service.initiator({ credential: stolen }));
  });

  test("KRB_AP_ERR_BAD_INTEGRITY: a ticket without its session key", () => {
    const service = new Service();
    const guessed = { ...service.ticket(), key: randomKey(EncType.aes256CtsHmacSha1) };
    refusal("KRB_AP_ERR_BAD_INTEGRITY", service, service.initiator({ credential: guessed }));
  });

  test("KRB_AP_ERR_MUT_FAIL: an impostor that cannot open the ticket", () => {
    const service = new Service();
    const initiator = service.initiator({ mechanism: "krb5" });
    initiator.step();
    const other = answerToAnother(service);
    expect(() => initiator.step(other)).toThrow(failing("KRB_AP_ERR_MUT_FAIL"));
  });

  test("the PAC must be the KDC's and the ticket's client's", () => {
    const service = new Service();
    refusal(
      "PAC_CLIENT_MISMATCH",
      service,
      service.initiator({ credential: reissue(service, service.ticket()) }),
    );
    refusal(
      "PAC_NOT_IN_TICKET",
      service,
      service.initiator({ credential: service.ticket("alice@LAB.TEST", { withPac: false }) }),
      service.acceptor({ requirePac: true }),
    );
    const { server } = establish(
      service.initiator({ credential: service.ticket("alice@LAB.TEST", { withPac: false }) }),
      service.acceptor(),
    );
    expect(server.pac).toBeUndefined();
  });

  test("KRB_AP_PATH_NOT_ACCEPTED: a path through realms that no KDC checked", () => {
    const service = new Service();
    const { transitedPolicyChecked } = TicketFlags;
    const foreign = (flags: number, withPac: boolean) => {
      const transited = { trType: 1, contents: utf8("BETWEEN.TEST") };
      return service.ticket("eve@FAR.TEST", { withPac, part: { flags, transited } });
    };
    refusal("KRB_AP_PATH_NOT_ACCEPTED", service, service.initiator({ credential: foreign(0, false) }));
    for (const credential of [foreign(transitedPolicyChecked, false), foreign(0, true)]) {
      expect(establish(service.initiator({ credential }), service.acceptor()).server.peerName).toBe(
        "eve@FAR.TEST",
      );
    }
  });

  test("tokens that come too late or not at all", () => {
    const service = new Service();
    const acceptor = service.acceptor();
    expect(() => acceptor.step(emptyBytes)).toThrow(failing("GSS_DEFECTIVE_TOKEN"));
    const initiator = service.initiator();
    establish(initiator, acceptor);
    expect(() => acceptor.step(new Uint8Array([1]))).toThrow(failing("GSS_CONTEXT_COMPLETE"));
    expect(() => initiator.step(new Uint8Array([1]))).toThrow(failing("GSS_CONTEXT_COMPLETE"));
  });

  test("a full replay cache refuses by name", () => {
    const service = new Service();
    const acceptor = () => service.acceptor({ replayCache: cache });
    const cache = new MemoryReplayCache({ maxRecords: 1 });
    acceptor().step(service.initiator().step().token);
    expect(() => acceptor().step(service.initiator().step().token)).toThrow(failing("REPLAY_CACHE_FULL"));
  });
});

/** An AP-REP to somebody else's request. */
function answerToAnother(service: Service): Uint8Array {
  return service.acceptor().step(service.initiator({ mechanism: "krb5" }).step().token).token!;
}

/** The ticket with its authtime set back: not the one its PAC was issued for. */
function reissue(service: Service, credential: ReturnType<Service["ticket"]>) {
  const part = EncTicketPart.decode(decrypt(service.key, KeyUsage.ticket, credential.ticket.encPart.cipher));
  const bytes = EncTicketPart.encode({ ...part, authtime: part.authtime - 60_000 });
  const cipher = encrypt(service.key, KeyUsage.ticket, bytes);
  return {
    ...credential,
    ticket: { ...credential.ticket, encPart: { ...credential.ticket.encPart, cipher } },
  };
}
