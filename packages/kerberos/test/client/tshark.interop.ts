import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type KdcTransport,
  KerberosClient,
  NetworkTransport,
  parsePrincipal,
  staticLocator,
} from "../../src/index.ts";
import { MitRealm } from "../support/mit-realm.ts";
import { type CapturedDatagram, pcapOf } from "../support/pcap.ts";
import { run } from "../support/processes.ts";

const alice = parsePrincipal("alice@MIT.TEST");
const host = "host/kvm01.mit.test";
let realm: MitRealm;

beforeAll(async () => {
  realm = await MitRealm.start({
    principals: [{ name: "alice", password: "alice-pw", attributes: "+requires_preauth" }, { name: host }],
    kadmind: true,
  });
});
afterAll(async () => await realm?.stop());

/** A client whose exchanges are kept as a capture would have them. */
function recordingClient(): { client: KerberosClient; datagrams: CapturedDatagram[] } {
  const datagrams: CapturedDatagram[] = [];
  const locator = staticLocator({ [realm.realm]: { kdc: [realm.address], kpasswd: [realm.address] } });
  const network = new NetworkTransport({ locator });
  const transport: KdcTransport = {
    async exchange(name, request, options) {
      const port = options.service === "kpasswd" ? 464 : 88;
      datagrams.push({ fromServer: false, payload: request, port });
      const reply = await network.exchange(name, request, options);
      datagrams.push({ fromServer: true, payload: reply, port });
      return reply;
    },
  };
  return { client: new KerberosClient({ transport }), datagrams };
}

/** What Wireshark shows of a capture when it has everyone's keys. */
async function shown(datagrams: readonly CapturedDatagram[], keytab: string): Promise<string> {
  const capture = join(realm.directory, "capture.pcap");
  await writeFile(capture, pcapOf(datagrams));
  const keys = ["-o", "kerberos.decrypt:TRUE", "-o", `kerberos.file:${keytab}`];
  return await run("tshark", ["-r", capture, ...keys, "-V"]);
}

/** The key usages of what it could, or could not, decrypt. */
function usages(text: string, word: "Decrypted" | "Missing"): number[] {
  const found = [...text.matchAll(new RegExp(`${word} keytype \\d+ usage (\\d+)`, "g"))];
  return [...new Set(found.map(([, usage]) => Number(usage)))].sort((left, right) => left - right);
}

describe("Wireshark with everyone's keys", () => {
  let keytab: string;
  beforeAll(async () => {
    keytab = await realm.exportKeytab("alice", host, "krbtgt/MIT.TEST", "kadmin/changepw");
  });

  it("decrypts a login, a login under FAST, a service ticket and a renewal", async () => {
    const { client, datagrams } = recordingClient();
    const login = { principal: alice, password: "alice-pw" };
    const tgt = await client.login({ ...login, renewableLifetime: 86_400_000 });
    await client.login({ ...login, armor: tgt });
    await client.getTicket({ tgt, server: parsePrincipal(`${host}@MIT.TEST`) });
    await client.renew(tgt);
    const text = await shown(datagrams, keytab);
    // Timestamp, tickets, AS replies, authenticators, TGS replies, FAST with both challenges.
    expect(usages(text, "Decrypted")).toEqual([1, 2, 3, 7, 9, 11, 51, 52, 54, 55]);
    // It tries the session key's usage on TGS replies before the subkey's.
    expect(usages(text, "Missing")).toEqual([8]);
    for (const part of ["encTGSRepPart", "strengthen-reply-key", "Verified Server checksum"])
      expect(text.includes(part), part).toBe(true);
    expect(text.includes("Malformed")).toBe(false);
  });

  it("decrypts a password change", async () => {
    const { client, datagrams } = recordingClient();
    await client.changePassword({ principal: alice, password: "alice-pw", newPassword: "alice-new-pw" });
    const text = await shown(datagrams, keytab);
    expect(usages(text, "Decrypted")).toEqual([1, 2, 3, 11, 12, 13]);
    expect(usages(text, "Missing")).toEqual([]);
    expect(text.includes("Result: Success (0)")).toBe(true);
    expect(text.includes("Malformed")).toBe(false);
  });
});
