import { join } from "node:path";
import { utf8 } from "@waybill/base";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  allSids,
  type Credential,
  createAcceptor,
  createInitiator,
  FileReplayCache,
  isForwardable,
  KerberosClient,
  type Keytab,
  NetworkTransport,
  type Principal,
  parsePrincipal,
  readKeytab,
  type SecurityContext,
  staticLocator,
  TicketFlags,
  verifyPac,
} from "../../src/index.ts";
import { s4uAccounts } from "../support/s4u-accounts.ts";
import { migrationService } from "../support/samba-accounts.ts";
import { SambaDomain } from "../support/samba-domain.ts";
import { establish } from "./fixture.ts";

let domain: SambaDomain;
let client: KerberosClient;
let source: Keytab;
let destination: Keytab;
let replayCache: FileReplayCache;
const principal = (name: string): Principal => parsePrincipal(name, { defaultRealm: "LAB.TEST" });

beforeAll(async () => {
  domain = await SambaDomain.start({ seed: s4uAccounts("lab.test") });
  const locator = staticLocator({ "LAB.TEST": { kdc: [domain.address] } });
  client = new KerberosClient({ transport: new NetworkTransport({ locator }) });
  source = await readKeytab(await domain.exportKeytab("KVM01$"));
  destination = await readKeytab(await domain.exportKeytab("KVM02$"));
  const keytab = await domain.exportKeytab("KVM01$");
  replayCache = new FileReplayCache({ directory: join(keytab, "..", "replay-cache") });
});
afterAll(async () => {
  replayCache?.close();
  await domain?.stop();
});

const sidsOf = (context: SecurityContext) => allSids(context.pac!.logonInfo!).map(({ sid }) => sid);

test("a person's own ticket, accepted by one host, is the evidence that opens the next one in their name", async () => {
  // The person to the source host; its keytab knows only the account's name, the ticket bears an alias.
  const alice = await client.login({ principal: principal("alice"), password: "Passw0rd.alice" });
  const ticket = await client.getTicket({ tgt: alice, server: principal("WSMAN/kvm01.lab.test") });
  const first = establish(
    createInitiator({ credential: ticket }),
    createAcceptor({ keytab: source, replayCache, requirePac: true }),
  );
  expect(first.server.peerName).toBe("alice@LAB.TEST");
  expect(first.server.unwrap(first.client.wrap(utf8("migrate"))).message).toEqual(utf8("migrate"));
  expect(sidsOf(first.server)).toContain("S-1-18-1");
  const evidence = first.server.evidence!;
  expect(evidence.flags & TicketFlags.forwardable).not.toBe(0);

  // The source host, as the person, to the destination: "use Kerberos only" suffices.
  const tgt = await client.login({ principal: principal("KVM01$"), keytab: source });
  const { encTicketPart } = evidence;
  const credential: Credential = {
    client: first.server.peer,
    server: first.server.local,
    ticket: evidence.ticket,
    key: evidence.sessionKey,
    flags: evidence.flags,
    authTime: encTicketPart.authtime,
    endTime: encTicketPart.endtime,
  };
  const target = principal(`${migrationService}/kvm02.lab.test`);
  const delegated = await client.s4u2proxy({ tgt, evidence: credential, target });
  expect(isForwardable(delegated)).toBe(true);
  const second = establish(
    createInitiator({ credential: delegated, mechanism: "krb5" }),
    createAcceptor({ keytab: destination, replayCache, requirePac: true }),
  );
  expect(second.server.peerName).toBe("alice@LAB.TEST");
  const pac = second.server.pac!;
  // Samba writes the name the evidence was made out to, here an alias, and not the account that presented it.
  expect(pac.delegationInfo!.transitedServices).toEqual(["WSMAN/kvm01.lab.test@LAB.TEST"]);
  expect(pac.upnDnsInfo!.samName).toBe("alice");
  expect(sidsOf(second.server)).toEqual(sidsOf(first.server));
  expect(second.client.prf(utf8("migration"), 32)).toEqual(second.server.prf(utf8("migration"), 32));
  // The destination's key opens the PAC's server signature, the source's does not.
  const [wrong] = source.entries.filter(({ key }) => key.keytype === delegated.ticket.encPart.etype);
  expect(() => verifyPac(pac, { serverKey: wrong!.key })).toThrow(
    expect.objectContaining({ code: "PAC_SERVER_SIGNATURE_INVALID" }),
  );
});

test("a ticket for one host is of no use at the other", async () => {
  const bob = await client.login({ principal: principal("bob"), password: "Passw0rd.bob" });
  const ticket = await client.getTicket({ tgt: bob, server: principal("WSMAN/kvm01.lab.test") });
  const { token } = createInitiator({ credential: ticket }).step();
  expect(() => createAcceptor({ keytab: destination, replayCache }).step(token)).toThrow(
    expect.objectContaining({ code: "KRB_AP_ERR_MODIFIED" }),
  );
});
