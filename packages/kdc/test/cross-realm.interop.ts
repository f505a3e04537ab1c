import { writeFileSync } from "node:fs";
import {
  decrypt,
  EncTicketPart,
  KerberosClient,
  KeyUsage,
  NetworkTransport,
  parsePrincipal,
  staticLocator,
  TicketFlags,
} from "@waybill/kerberos";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MitRealm } from "../../kerberos/test/support/mit-realm.ts";
import { createTestDomain, type TestDomain, testPassword } from "../src/testing/index.ts";
import { MitTools } from "./support/mit-tools.ts";

const shared = "between us";

describe("a trust with a realm of MIT's krb5kdc, in both directions", () => {
  let domain: TestDomain;
  let other: MitRealm;
  let mit: MitTools;

  beforeAll(async () => {
    domain = await createTestDomain({
      sockets: true,
      users: ["alice"],
      computers: ["KVM01", "KVM02"],
      delegation: { KVM01: { to: ["cifs/kvm02.lab.test"], protocol: "any" } },
    });
    domain.directory.createTrust({ partner: "MIT.TEST", password: shared });
    other = await MitRealm.start({
      principals: [
        { name: "krbtgt/LAB.TEST@MIT.TEST", password: shared },
        { name: "krbtgt/MIT.TEST@LAB.TEST", password: shared },
        { name: "bob", password: "bobs-password" },
        { name: "host/srv.mit.test" },
      ],
    });
    mit = new MitTools(domain);
    writeFileSync(
      mit.path("krb5.conf"),
      `[libdefaults]
  default_realm = LAB.TEST
  dns_lookup_kdc = false
  dns_canonicalize_hostname = false
  rdns = false
[realms]
  LAB.TEST = {
    kdc = ${domain.server?.host}:${domain.server?.port}
  }
  MIT.TEST = {
    kdc = ${other.address}
  }
[domain_realm]
  .mit.test = MIT.TEST
`,
    );
  });

  afterAll(async () => {
    await domain?.close();
    await other?.stop();
    mit?.remove();
  });

  it("MIT's kvno as bob@MIT.TEST gets a ticket to a host of the domain, without a PAC", async () => {
    await mit.ok("kinit", ["bob@MIT.TEST"], { input: "bobs-password\n", cache: "bob" });
    await mit.ok("kvno", ["host/kvm01.lab.test@LAB.TEST"], { cache: "bob" });
    expect(domain.events.at(-1)).toMatchObject({ exchange: "tgs", outcome: "issued" });
    expect(domain.events.at(-1)?.facts.clientRealm).toBe("MIT.TEST");
  });

  it("MIT's kvno as alice@LAB.TEST gets a ticket to a host of MIT.TEST", async () => {
    await mit.ok("kinit", ["alice"], { input: `${testPassword}\n`, cache: "alice" });
    await mit.ok("kvno", ["host/srv.mit.test@MIT.TEST"], { cache: "alice" });
    const listing = await mit.ok("klist", [], { cache: "alice" });
    expect(listing).toContain("krbtgt/MIT.TEST@LAB.TEST");
  });

  const client = (): KerberosClient => {
    const locator = staticLocator({
      "LAB.TEST": { kdc: [`${domain.server?.host}:${domain.server?.port}`] },
      "MIT.TEST": { kdc: [other.address] },
    });
    return new KerberosClient({ transport: new NetworkTransport({ locator }) });
  };

  it("our client goes both ways, and finds the other realm by the domain's referral", async () => {
    const bob = await client().login({
      principal: parsePrincipal("bob@MIT.TEST"),
      password: "bobs-password",
    });
    const here = await client().getTicket({
      tgt: bob,
      server: parsePrincipal("host/kvm01.lab.test@LAB.TEST"),
    });
    const key = domain.directory.byName("KVM01")!.keySets[0]!.keys[0]!;
    const part = EncTicketPart.decode(decrypt(key, KeyUsage.ticket, here.ticket.encPart.cipher));
    expect(part.crealm).toBe("MIT.TEST");
    expect(part.transited.contents).toHaveLength(0);
    expect(part.flags & TicketFlags.transitedPolicyChecked).not.toBe(0);
    expect(part.authorizationData).toBeUndefined();
    const alice = await client().login({ principal: domain.principal("alice"), password: testPassword });
    const there = await client().getTicket({
      tgt: alice,
      server: { ...parsePrincipal("host/srv.mit.test@LAB.TEST"), realm: "" },
    });
    expect(there.server).toMatchObject({ realm: "MIT.TEST", components: ["host", "srv.mit.test"] });
  });

  it("constrained delegation for people of the other realm is refused with its reason", async () => {
    const bob = await client().login({
      principal: parsePrincipal("bob@MIT.TEST"),
      password: "bobs-password",
    });
    const evidence = await client().getTicket({
      tgt: bob,
      server: parsePrincipal("host/kvm01.lab.test@LAB.TEST"),
    });
    const host = await client().login({ principal: domain.principal("KVM01$"), password: testPassword });
    const proxied = client().s4u2proxy({
      tgt: host,
      evidence,
      target: domain.principal("cifs/kvm02.lab.test"),
    });
    await expect(proxied).rejects.toMatchObject({ code: "KRB_AP_ERR_MODIFIED" });
    expect(domain.events.at(-1)?.reason).toBe("evidence-without-pac");
  });
});
