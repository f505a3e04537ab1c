import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { encodeKeytab, type KdcTransport, type Keytab } from "@waybill/kerberos";
import { describe, expect, it } from "vitest";
import { type CapturedDatagram, pcapOf } from "../../kerberos/test/support/pcap.ts";
import { createTestDomain, testPassword } from "../src/testing/index.ts";

const run = promisify(execFile);

describe("Wireshark with the krbtgt key", () => {
  it("verifies every PAC signature of an S4U run", async () => {
    const target = "cifs/kvm02.lab.test";
    const domain = await createTestDomain({
      users: ["alice"],
      computers: ["KVM01", "KVM02"],
      delegation: { KVM01: { to: [target], protocol: "any" } },
    });
    const datagrams: CapturedDatagram[] = [];
    const transport: KdcTransport = {
      exchange: async (realm, request, options) => {
        const reply = await domain.transport.exchange(realm, request, options);
        datagrams.push({ fromServer: false, payload: request }, { fromServer: true, payload: reply });
        return reply;
      },
    };
    const client = domain.newClient({ transport });
    const host = await client.login({ principal: domain.principal("KVM01$"), password: testPassword });
    const evidence = await client.s4u2self({ tgt: host, user: domain.principal("alice") });
    await client.s4u2proxy({ tgt: host, evidence, target: domain.principal(target) });

    const dir = mkdtempSync(join(tmpdir(), "waybill-tshark-"));
    try {
      const keytab: Keytab = {
        entries: ["krbtgt", "KVM01$", "KVM02$"].flatMap((account) => domain.keytab(account).entries),
      };
      writeFileSync(join(dir, "keytab"), encodeKeytab(keytab), { mode: 0o600 });
      writeFileSync(join(dir, "run.pcap"), pcapOf(datagrams));
      const { stdout } = await run(
        "tshark",
        ["-r", "run.pcap", "-o", "kerberos.decrypt:TRUE", "-o", `kerberos.file:${join(dir, "keytab")}`, "-V"],
        { cwd: dir, maxBuffer: 1 << 26 },
      );
      const count = (pattern: RegExp): number => stdout.match(pattern)?.length ?? 0;
      const signed = {
        server: count(/Type: Server Checksum/g),
        kdc: count(/Type: Privsvr Checksum/g),
        ticket: count(/Type: Ticket Checksum/g),
      };
      // Two TGTs in replies and requests, the evidence twice, the final ticket.
      expect(signed).toEqual({ server: 6, kdc: 6, ticket: 3 });
      expect({
        server: count(/^ +Verified Server checksum/gm),
        kdc: count(/^ +Verified KDC checksum/gm),
        ticket: count(/^ +Verified Ticket checksum/gm),
      }).toEqual(signed);
      expect(stdout).not.toContain("Malformed");
      expect(stdout).toContain("S4U_DELEGATION_INFO");
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
