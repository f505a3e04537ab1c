import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { toHex } from "@waybill/base";
import { beforeAll, describe, expect, test } from "vitest";
import { EncType, parseCredentialCache, readKeytab, TicketFlags } from "../../src/index.ts";
import { run } from "../support/processes.ts";
import { migrationService } from "../support/samba-accounts.ts";
import type { SambaDomain } from "../support/samba-domain.ts";

const examples = "/usr/share/doc/python3-impacket/examples";
const withChecksum = fileURLToPath(new URL("../support/impacket-with-checksum.py", import.meta.url));
const target = `${migrationService}/kvm02.lab.test`;

/**
 * What MIT's and Impacket's clients are told in the cases in which our client is tried, and what the KDC logs: the domain
 * of `s4uAccounts` behaves to all of them alike.
 */
export function otherClientsAgree(domainOf: () => SambaDomain): void {
  const hosts = ["KVM01", "KVM03", "KVM04", "KVM05"];
  const keytabs = new Map<string, string>();
  let domain: SambaDomain;

  beforeAll(async () => {
    domain = domainOf();
    for (const host of hosts) keytabs.set(host, await domain.exportKeytab(`${host}$`));
  });

  /** What a program says, whatever comes of it, and what the KDC has logged about it. */
  async function talk(program: string, args: readonly string[], cache?: string, input = "") {
    const before = (await readFile(domain.logFile, "utf8")).length;
    const place = cache && join(domain.directory, cache);
    const env = { ...process.env, KRB5_CONFIG: domain.krb5Conf, KRB5CCNAME: place };
    const said = await new Promise<string>((resolve) => {
      const options = { env, cwd: domain.directory, timeout: 60_000 };
      const child = execFile(program, args, options, (_error, out, err) => resolve(out + err));
      child.stdin?.on("error", () => {});
      child.stdin?.end(input);
    });
    return { said, logged: (await readFile(domain.logFile, "utf8")).slice(before) };
  }

  describe("MIT's kvno is told the same", () => {
    const cannot = "KDC can't fulfill requested option";
    test.each([
      [
        "b1",
        "KVM03",
        "alice",
        target,
        "kvno = ",
        "constrained delegation for alice@LAB.TEST from KVM03$@LAB.TEST",
      ],
      [
        "b2",
        "KVM01",
        "alice",
        target,
        cannot,
        "Missing forwardable flag on ticket for constrained delegation",
      ],
      ["b3", "KVM04", "alice", target, cannot, "Missing forwardable flag"],
      ["b4", "KVM05", "alice", target, cannot, "Constrained delegation not allowed"],
      ["d1", "KVM03", "sens", target, cannot, "Missing forwardable flag"],
      ["e1", "KVM03", "prot", target, "kvno = ", "constrained delegation for prot@LAB.TEST"],
      ["f1", "KVM03", "alice", "WSMAN/kvm02.lab.test", cannot, "Constrained delegation not allowed"],
      ["f5", "KVM03", "alice", "cifs/nosuch.lab.test", "Server not found in Kerberos database", "unknown"],
      [
        "g",
        "KVM03",
        "nosuchuser",
        target,
        "'nosuchuser@LAB.TEST' not found in Kerberos database",
        "UNKNOWN -- nosuchuser@LAB.TEST: no such entry",
      ],
      ["h1", "KVM03", "disab", target, "KDC policy rejects request", "Principal may not act as client"],
      ["j3", "KVM03", "mustchg", target, "Password has expired", "key has expired at 1970-01-01T00:00:00"],
      ["j4", "KVM03", "expd", target, "Client's entry in database has expired", "Client expired at"],
    ])("%s: %s for %s to %s", async (_case, host, user, service, answer, reason) => {
      const cache = `mit-${host}`;
      const keytab = keytabs.get(host) ?? "";
      const env = { KRB5_CONFIG: domain.krb5Conf };
      await run("kinit", ["-k", "-t", keytab, "-c", join(domain.directory, cache), `${host}$`], { env });
      const { said, logged } = await talk("kvno", ["-k", keytab, "-U", user, "-P", service], cache);
      expect(said).toContain(answer);
      expect(logged).toContain(reason);
    });
  });

  describe("MIT's kinit is told the same", () => {
    test.each([
      ["disab", "Passw0rd.disab", "Client's credentials have been revoked"],
      ["expd", "Passw0rd.expd", "Client's credentials have been revoked"],
      ["mustchg", "Passw0rd.mustchg", "Password expired"],
      ["nosuchuser", "x", "'nosuchuser@LAB.TEST' not found in Kerberos database"],
      ["alice", "wrong", "Password incorrect"],
    ])("%s", async (user, password, answer) => {
      expect((await talk("kinit", [user], "mit-kinit", `${password}\n`)).said).toContain(answer);
    });
  });

  describe("Impacket as packaged", () => {
    test("is refused at every ticket, for want of the request's checksum in the authenticator", async () => {
      const { said, logged } = await getSt("KVM03", "alice", [join(examples, "getST.py")]);
      expect(said).toContain("KRB_AP_ERR_INAPP_CKSUM");
      expect(logged).toContain("No authenticator in request");
    });

    test("cannot keep its login, for want of a time that Samba need not send", async () => {
      const args = [join(examples, "getTGT.py"), "-dc-ip", domain.address, "lab.test/alice:Passw0rd.alice"];
      expect((await talk("/usr/bin/python3", args)).said).toContain(
        'Attempted "__str__" operation on ASN.1 schema object',
      );
    });

    test("asks for a proxiable ticket, which Protected Users do not get", async () => {
      const args = [join(examples, "getTGT.py"), "-dc-ip", domain.address, "lab.test/prot:Passw0rd.prot"];
      const { said } = await talk("/usr/bin/python3", args);
      expect(said).toContain("KDC_ERR_POLICY");
    });
  });

  describe("Impacket with the checksum is told the same", () => {
    test.each([
      [
        "b2",
        "KVM01",
        "alice",
        "KDC_ERR_BADOPTION(KDC cannot accommodate requested option)",
        "Missing forwardable",
      ],
      ["b4", "KVM05", "alice", "KDC_ERR_BADOPTION", "Constrained delegation not allowed"],
      ["d1", "KVM03", "sens", "KDC_ERR_BADOPTION", "Missing forwardable flag"],
      ["g", "KVM03", "nosuchuser", "KDC_ERR_C_PRINCIPAL_UNKNOWN", "impersonate not found"],
      ["h1", "KVM03", "disab", "KDC_ERR_POLICY", "Principal may not act as client"],
    ])("%s: %s for %s", async (_case, host, user, answer, reason) => {
      const { said, logged } = await getSt(host, user, [withChecksum, join(examples, "getST.py")]);
      expect(said).toContain(answer);
      expect(logged).toContain(reason);
    });

    test("b1: KVM03 for alice gets a ticket that our package reads", async () => {
      const { said } = await getSt("KVM03", "alice", [withChecksum, join(examples, "getST.py")]);
      expect(said).toContain("Saving ticket in alice.ccache");
      const cache = parseCredentialCache(await readFile(join(domain.directory, "alice.ccache")));
      expect(cache.credentials[0]?.server.components).toEqual([migrationService, "kvm02.lab.test"]);
      expect((cache.credentials[0]?.flags ?? 0) & TicketFlags.forwardable).not.toBe(0);
    });

    test.each([
      ["i1", "KVM01", "alice"],
      ["i2", "KVM03", "sens"],
    ])(
      "%s: %s sets the forwardable flag of %s's ticket itself (CVE-2020-17049)",
      async (_case, host, user) => {
        const script = [withChecksum, join(examples, "getST.py")];
        const { said, logged } = await getSt(host, user, script, ["-force-forwardable"]);
        expect(said).toContain("KRB_AP_ERR_BAD_INTEGRITY(Integrity check on decrypted field failed)");
        expect(logged).toContain("Constrained delegation ticket PAC check failed");
      },
    );
  });

  async function getSt(host: string, user: string, script: readonly string[], more: readonly string[] = []) {
    const { entries } = await readKeytab(keytabs.get(host) ?? "");
    const aes = entries.find(({ key }) => key.keytype === EncType.aes256CtsHmacSha1);
    const key = toHex(aes?.key.keyvalue ?? new Uint8Array(0));
    const asked = ["-spn", target, "-impersonate", user, "-aesKey", key, "-dc-ip", domain.address, ...more];
    return await talk("/usr/bin/python3", [...script, ...asked, `lab.test/${host}$`]);
  }
}
