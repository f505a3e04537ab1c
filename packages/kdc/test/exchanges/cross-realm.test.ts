import { VirtualClock } from "@waybill/base";
import { TrustAttributes, TrustDirection } from "@waybill/directory";
import {
  allSids,
  buildPac,
  type Credential,
  decodePac,
  decrypt,
  EncTicketPart,
  EncType,
  encrypt,
  extractTicketPac,
  type KdcTransport,
  KerberosError,
  KeyUsage,
  logonInfo,
  NameType,
  PacAttributeFlags,
  pacAuthorizationData,
  parsePrincipal,
  randomKey,
  replaceTicketPac,
  signTicketPac,
  stringToKey,
  TicketFlags,
  verifyPac,
} from "@waybill/kerberos";
import { beforeEach, describe, expect, it } from "vitest";
import { createTestDomain, type TestDomain, testPassword } from "../../src/testing/index.ts";

const partnerSid = "S-1-5-21-1-2-3";
const password = "between us";
const hour = 60 * 60_000;

/** What the partner's KDC, which may lie, puts into a ticket-granting ticket for LAB.TEST. */
interface Claimed {
  readonly crealm?: string;
  readonly cname?: string;
  readonly transited?: string;
  readonly logonDomainId?: string;
  readonly extraSids?: readonly string[];
  readonly pac?: boolean;
  readonly wrongKey?: boolean;
}

async function refused(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof KerberosError)) throw new Error(`no refusal but ${String(error)}`);
  return error.code;
}

describe("tickets of a trusted domain: MS-PAC section 4.1.2.2, RFC 4120 section 3.3.3.2", () => {
  let clock: VirtualClock;
  let domain: TestDomain;

  beforeEach(async () => {
    clock = new VirtualClock();
    domain = await createTestDomain({ clock, users: ["alice"], computers: ["KVM01", "KVM02"] });
  });

  const trust = (attributes: number = TrustAttributes.quarantined, direction?: number): void => {
    domain.directory.createTrust({
      partner: "PARTNER.TEST",
      sid: partnerSid,
      password,
      attributes,
      direction,
    });
  };

  function foreignTgt(claimed: Claimed = {}): Credential {
    const { crealm = "PARTNER.TEST", cname = "bob", transited = "", logonDomainId = partnerSid } = claimed;
    const key = stringToKey(EncType.aes256CtsHmacSha1, password, "PARTNER.TESTkrbtgtLAB.TEST");
    const now = Math.floor(clock.now() / 1000) * 1000;
    const sessionKey = randomKey(EncType.aes256CtsHmacSha1);
    const name = { nameType: NameType.principal, nameString: [cname] };
    const flags = (TicketFlags.forwardable | TicketFlags.preAuthent) >>> 0;
    const part: EncTicketPart = {
      flags,
      key: sessionKey,
      crealm,
      cname: name,
      transited: { trType: 1, contents: Buffer.from(transited) },
      authtime: now,
      starttime: now,
      endtime: now + 8 * hour,
    };
    const pac = buildPac({
      logonInfo: logonInfo({
        effectiveName: cname,
        userId: 1105,
        logonDomainId,
        logonDomainName: "PARTNER",
        groups: [{ rid: 512, attributes: 7 }],
        extraSids: (claimed.extraSids ?? []).map((sid) => ({ sid, attributes: 7 })),
      }),
      clientInfo: { authTime: now, name: cname },
      upnDnsInfo: { upn: `${cname}@partner.test`, dnsDomainName: crealm, flags: 0 },
      attributes: PacAttributeFlags.givenImplicitly,
      requestor: `${logonDomainId}-1105`,
    });
    const signing = claimed.wrongKey === true ? randomKey(EncType.aes256CtsHmacSha1) : key;
    const bytes =
      claimed.pac === false
        ? EncTicketPart.encode(part)
        : signTicketPac(EncTicketPart.encode({ ...part, authorizationData: [pacAuthorizationData()] }), pac, {
            serverKey: signing,
            kdcKey: randomKey(EncType.aes256CtsHmacSha1),
            service: false,
          });
    const sname = { nameType: NameType.srvInst, nameString: ["krbtgt", "LAB.TEST"] };
    const encPart = { etype: key.keytype, kvno: 1, cipher: encrypt(key, KeyUsage.ticket, bytes) };
    return {
      client: parsePrincipal(`${cname}@${crealm}`),
      server: parsePrincipal("krbtgt/LAB.TEST@PARTNER.TEST"),
      ticket: { tktVno: 5, realm: "PARTNER.TEST", sname, encPart },
      key: sessionKey,
      flags,
      authTime: now,
      startTime: now,
      endTime: now + 8 * hour,
      origin: "TGS",
    } as Credential;
  }

  const ticketFor = async (claimed?: Claimed, service = "host/kvm01.lab.test"): Promise<Credential> =>
    await domain.newClient().getTicket({ tgt: foreignTgt(claimed), server: domain.principal(service) });
  const reason = (): string | undefined => domain.events.at(-1)?.reason;
  const opened = (credential: Credential): { part: EncTicketPart; sids: string[] } => {
    const key = domain.directory.byName("KVM01")!.keySets[0]!.keys[0]!;
    const bytes = decrypt(key, KeyUsage.ticket, credential.ticket.encPart.cipher);
    const pac = verifyPac(decodePac(extractTicketPac(bytes)!), {
      serverKey: key,
      kdcKey: domain.directory.krbtgt.keySets[0]!.keys[0]!,
      encTicketPart: replaceTicketPac(bytes),
      requireFullSignature: true,
    });
    expect(pac.requestor).toBeUndefined();
    return { part: EncTicketPart.decode(bytes), sids: allSids(pac.logonInfo!).map(({ sid }) => sid) };
  };

  it("are taken with the partner's own SIDs, and the PAC is signed anew", async () => {
    trust();
    const { part, sids } = opened(await ticketFor());
    expect(part.crealm).toBe("PARTNER.TEST");
    expect(part.flags & TicketFlags.transitedPolicyChecked).not.toBe(0);
    expect(sids).toEqual([`${partnerSid}-1105`, `${partnerSid}-512`]);
  });

  it("lose every SID the partner does not speak for", async () => {
    trust();
    const own = domain.directory.domain.sid;
    const extraSids = [
      `${own}-512`,
      `${own}-1103`,
      "S-1-5-32-544",
      "S-1-5-18",
      "S-1-5-21-7-7-7-1200",
      "S-1-18-1",
    ];
    expect(opened(await ticketFor({ extraSids })).sids).toEqual([
      `${partnerSid}-1105`,
      `${partnerSid}-512`,
      "S-1-18-1",
    ]);
  });

  it("keep other domains of the partner's forest, but not their administrators", async () => {
    trust(TrustAttributes.forestTransitive);
    const own = domain.directory.domain.sid;
    const extraSids = [`${own}-1103`, "S-1-5-21-7-7-7-519", "S-1-5-21-7-7-7-1200"];
    const { sids } = opened(await ticketFor({ extraSids }));
    expect(sids).toEqual([`${partnerSid}-1105`, `${partnerSid}-512`, "S-1-5-21-7-7-7-1200"]);
  });

  it.each([
    ["a client of this domain", { crealm: "LAB.TEST", cname: "alice" }, "foreign-ticket-of-own-client"],
    ["an account of this domain in the PAC", { logonDomainId: "own" }, "foreign-pac-domain"],
    ["an account of a third domain in the PAC", { logonDomainId: "S-1-5-21-7-7-7" }, "foreign-pac-domain"],
    ["no PAC", { pac: false }, "foreign-pac-missing"],
    ["a PAC signed with another key", { wrongKey: true }, "foreign-pac-forged"],
    ["a client of a realm beyond", { crealm: "SUB.PARTNER.TEST" }, "transited-not-trusted"],
    ["a way through a stranger", { transited: "EVIL.TEST" }, "transited-not-trusted"],
    ["a way that has to be guessed", { transited: "PARTNER.TEST," }, "transited-not-trusted"],
  ] as const)("are refused with %s", async (_what, claimed, expected) => {
    trust();
    const own = "logonDomainId" in claimed && claimed.logonDomainId === "own";
    await refused(ticketFor(own ? { logonDomainId: domain.directory.domain.sid } : claimed));
    expect(reason()).toBe(expected);
  });

  it("may come from below the partner's name when the trust is transitive, and say so", async () => {
    trust(TrustAttributes.forestTransitive);
    const claimed = { crealm: "SUB.PARTNER.TEST", logonDomainId: "S-1-5-21-7-7-7" };
    const { part } = opened(await ticketFor(claimed));
    expect(Buffer.from(part.transited.contents).toString()).toBe("PARTNER.TEST");
    await refused(ticketFor({ crealm: "OTHER.TEST" }));
    expect(reason()).toBe("transited-not-trusted");
  });

  it("are refused when this domain does not trust the partner, and the partner is sent no client then", async () => {
    trust(0, TrustDirection.inbound);
    expect(await refused(ticketFor())).toBe("KRB_AP_ERR_NOT_US");
    const tgt = await domain.client.login({ principal: domain.principal("alice"), password: testPassword });
    const server = parsePrincipal("krbtgt/PARTNER.TEST@LAB.TEST");
    expect((await domain.client.getTicket({ tgt, server })).server.components).toEqual([
      "krbtgt",
      "PARTNER.TEST",
    ]);
    domain.directory.removeTrust("partner.test");
    domain.directory.createTrust({
      partner: "PARTNER.TEST",
      sid: partnerSid,
      password,
      direction: TrustDirection.outbound,
    });
    expect(await refused(domain.newClient().getTicket({ tgt, server }))).toBe("KDC_ERR_S_PRINCIPAL_UNKNOWN");
    await ticketFor();
  });

  it("give no ticket-granting ticket of this realm, lead on to no third one and act for nobody", async () => {
    trust();
    domain.directory.createTrust({ partner: "THIRD.TEST", password, sid: "S-1-5-21-9-9-9" });
    const tgt = foreignTgt();
    const client = domain.newClient();
    await refused(client.forward({ tgt: { ...tgt } }));
    expect(reason()).toBe("foreign-client-tgt");
    await refused(client.getTicket({ tgt, server: parsePrincipal("krbtgt/THIRD.TEST@LAB.TEST") }));
    expect(reason()).toBe("trust-not-transitive");
    await refused(client.renew({ ...tgt }));
    expect(reason()).toBe("renewal-of-foreign-ticket");
    await refused(
      client.s4u2self({
        tgt,
        user: domain.principal("alice"),
        server: domain.principal("host/kvm01.lab.test"),
      }),
    );
    expect(reason()).toBe("delegation-across-realms");
  });

  it("does not take a client of another realm for its own of the same name", async () => {
    trust();
    const credential = await ticketFor({ cname: "alice" }, "kadmin/changepw");
    expect(credential.client.realm).toBe("PARTNER.TEST");
    expect(domain.events.at(-1)?.facts.clientRealm).toBe("PARTNER.TEST");
  });
});

describe("two domains that trust each other", () => {
  it("alice of one reaches a host of the other; her ticket is evidence for delegation there", async () => {
    const clock = new VirtualClock();
    const lab = await createTestDomain({ clock, users: ["alice"] });
    const west = await createTestDomain({
      clock,
      realm: "WEST.TEST",
      computers: ["KVM01", "KVM02"],
      delegation: { KVM01: { to: ["cifs/kvm02.west.test"], protocol: "kerberos" } },
    });
    lab.directory.createTrust({ partner: "WEST.TEST", sid: west.directory.domain.sid, password });
    west.directory.createTrust({ partner: "LAB.TEST", sid: lab.directory.domain.sid, password });
    const transport: KdcTransport = {
      exchange: async (realm, request, options) =>
        await (realm === "WEST.TEST" ? west : lab).transport.exchange(realm, request, options),
    };
    const client = lab.newClient({ transport });
    const alice = await client.login({ principal: lab.principal("alice"), password: testPassword });
    const server = { ...west.principal("host/kvm01.west.test"), realm: "" };
    const evidence = await client.getTicket({ tgt: alice, server });
    expect(evidence.server.realm).toBe("WEST.TEST");
    const host = await client.login({ principal: west.principal("KVM01$"), password: testPassword });
    const target = west.principal("cifs/kvm02.west.test");
    const ticket = await client.s4u2proxy({ tgt: host, evidence, target });
    expect(ticket.client).toMatchObject({ realm: "LAB.TEST", components: ["alice"] });
    const key = west.directory.byName("KVM02")!.keySets[0]!.keys[0]!;
    const pac = decodePac(extractTicketPac(decrypt(key, KeyUsage.ticket, ticket.ticket.encPart.cipher))!);
    expect(allSids(pac.logonInfo!)[0]?.sid).toBe(lab.directory.bySam("alice")?.sid);
    const impersonated = client.s4u2self({ tgt: host, user: lab.principal("alice") });
    await expect(impersonated).rejects.toBeInstanceOf(KerberosError);
    expect(lab.events.at(-1)?.reason).toBe("delegation-across-realms");
  });
});
