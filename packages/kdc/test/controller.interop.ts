import { execFile } from "node:child_process";
import { join } from "node:path";
import { actOnBehalfDescriptor } from "@waybill/directory";
import { LdapClient } from "@waybill/ldap";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { administratorPassword, startController, type TestController } from "./support/controller.ts";

const target = "cifs/kvm02.lab.test";

describe("the domain controller as other people's tools see it", () => {
  let dc: TestController;

  beforeAll(async () => {
    dc = await startController();
    const { directory } = dc.controller;
    directory.createUser({ name: "alice", password: "Passw0rd!" });
    directory.createComputer({ name: "KVM01" });
    directory.createComputer({ name: "KVM02" });
    directory.setDelegation("KVM01", { to: [target], protocol: "any" });
  });

  afterAll(async () => await dc?.stop());

  async function run(
    program: string,
    args: readonly string[],
    input = "",
    env: NodeJS.ProcessEnv = {},
  ): Promise<string> {
    return await new Promise((resolve) => {
      const options = { env: { ...dc.env, ...env }, cwd: dc.dir, timeout: 60_000 };
      const child = execFile(program, args, options, (_error, stdout, stderr) => resolve(stdout + stderr));
      child.stdin?.on("error", () => {});
      child.stdin?.end(input);
    });
  }

  const ldapsearch = async (...args: readonly string[]): Promise<string> =>
    await run("ldapsearch", [
      "-LLL",
      "-N",
      "-b",
      "DC=lab,DC=test",
      ...args,
      "(sAMAccountName=alice)",
      "objectSid",
    ]);

  it("ldapsearch with GSSAPI and GSS-SPNEGO, signed and sealed", async () => {
    await run("kinit", ["Administrator"], `${administratorPassword}\n`);
    for (const mechanism of ["GSSAPI", "GSS-SPNEGO"]) {
      const said = await ldapsearch("-Y", mechanism, "-H", `ldap://${dc.host}`);
      expect(said).toContain("SASL SSF: 256");
      expect(said).toContain("dn: CN=alice,CN=Users,DC=lab,DC=test");
    }
  });

  it("ldapsearch with a password over TLS, checked against the controller's own authority", async () => {
    const simple = ["-x", "-D", "Administrator@lab.test", "-w", administratorPassword];
    expect(await ldapsearch(...simple, "-H", `ldaps://${dc.host}`)).toContain("dn: CN=alice");
    expect(await ldapsearch(...simple, "-ZZ", "-H", `ldap://${dc.host}`)).toContain("dn: CN=alice");
    expect(await ldapsearch(...simple, "-H", `ldap://${dc.host}`)).toContain(
      "Strong(er) authentication required",
    );
  });

  it("adcli join and adcli testjoin; the keytab it writes logs in", async () => {
    const keytab = join(dc.dir, "host.keytab");
    const where = ["--domain=lab.test", `--domain-controller=${dc.host}`];
    const joined = await run(
      "adcli",
      [
        "join",
        "-v",
        "--domain-realm=LAB.TEST",
        ...where,
        "--login-user=Administrator",
        "--stdin-password",
        `--host-keytab=${keytab}`,
        "--computer-name=KVM09",
        "--host-fqdn=kvm09.lab.test",
      ],
      administratorPassword,
    );
    expect(joined).toContain("Added the entries to the keytab: host/kvm09.lab.test@LAB.TEST");
    const tested = await run("adcli", ["testjoin", ...where, `--host-keytab=${keytab}`]);
    expect(tested).toContain("validated join to domain lab.test");
    expect(await run("kinit", ["-k", "-t", keytab, "-c", join(dc.dir, "kvm09"), "KVM09$"])).toBe("");
    expect(dc.controller.directory.bySpn("host/kvm09.lab.test")?.samAccountName).toBe("KVM09$");
  });

  it("a host reads its group managed service account's password, sealed, and Impacket makes the key of it", async () => {
    const { directory } = dc.controller;
    const kvm01 = directory.bySam("KVM01$")!;
    directory.setPassword("KVM01", "Machine-1!");
    const client = await LdapClient.connect({
      url: `ldapi://${encodeURIComponent(dc.controller.ldapiPath)}`,
      timeout: 30_000,
    });
    await client.bindSimple("Administrator@lab.test", administratorPassword);
    await client.add("CN=web,CN=Managed Service Accounts,DC=lab,DC=test", {
      objectClass: "msDS-GroupManagedServiceAccount",
      sAMAccountName: "web$",
      dNSHostName: "web.lab.test",
      "msDS-ManagedPasswordInterval": "30",
      "msDS-GroupMSAMembership": actOnBehalfDescriptor([kvm01.sid]),
    });
    client.close();
    const search = async (who: string, password: string, ...more: readonly string[]): Promise<string> => {
      const env = { KRB5CCNAME: join(dc.dir, `managed-${who}`) };
      await run("kinit", [who], `${password}\n`, env);
      const args = [
        "-LLL",
        "-N",
        "-o",
        "ldif-wrap=no",
        "-b",
        "DC=lab,DC=test",
        ...more,
        "-H",
        `ldap://${dc.host}`,
      ];
      return await run("ldapsearch", [...args, "(sAMAccountName=web$)", "msDS-ManagedPassword"], "", env);
    };
    const said = await search("KVM01$", "Machine-1!", "-Y", "GSSAPI");
    const [, blob = ""] = /msDS-ManagedPassword:: (\S+)/.exec(said) ?? [];
    const script = join(import.meta.dirname, "support/managed-password.py");
    const key = await run("/usr/bin/python3", [script, "LAB.TESThostweb.lab.test"], blob);
    const held = directory.bySam("web$")!.keySets[0]!.keys[0]!;
    expect(key.trim()).toBe(Buffer.from(held.keyvalue).toString("hex"));
    const signedOnly = await search("KVM01$", "Machine-1!", "-Y", "GSSAPI", "-O", "maxssf=1");
    expect(signedOnly).toContain("Confidentiality required");
    expect(await search("Administrator", administratorPassword, "-Y", "GSSAPI")).not.toContain(
      "ManagedPassword",
    );
  });

  describe("Impacket with Kerberos", () => {
    const script = join(import.meta.dirname, "support/impacket-without-smb.py");
    const examples = "/usr/share/doc/python3-impacket/examples";
    const impacket = async (name: string, ...args: readonly string[]): Promise<string> =>
      await run("/usr/bin/python3", [
        script,
        // Some look the name up, some join it with the domain's and only ask for a ticket to it.
        name === "rbcd.py" ? dc.host : "DC1.lab.test",
        join(examples, name),
        ...args,
        "-k",
        "-dc-ip",
        dc.host,
        `lab.test/Administrator:${administratorPassword}`,
      ]);

    it("addcomputer over LDAPS", async () => {
      const said = await impacket(
        "addcomputer.py",
        "-method",
        "LDAPS",
        "-dc-host",
        "dc1.lab.test",
        "-computer-name",
        "ADDED",
        "-computer-pass",
        "N3w-Computer!",
      );
      expect(said).toContain("Successfully added machine account ADDED$");
      expect(dc.controller.directory.bySam("ADDED$")?.keySets).toHaveLength(1);
    });

    it("findDelegation", async () => {
      const said = await impacket("findDelegation.py");
      expect(said).toMatch(/KVM01\$\s+Computer\s+Constrained w\/ Protocol Transition\s+cifs\/kvm02.lab.test/);
    });

    it("rbcd writes, reads and removes the delegation descriptor", async () => {
      const which = ["-delegate-to", "KVM02$", "-delegate-from", "KVM01$", "-use-ldaps", "-action"];
      expect(await impacket("rbcd.py", ...which, "write")).toContain(
        "Delegation rights modified successfully",
      );
      expect(await impacket("rbcd.py", ...which, "read")).toContain("KVM01$");
      expect(dc.controller.directory.bySam("KVM02$")?.allowedToActOnBehalfOf).toBeDefined();
      expect(await impacket("rbcd.py", ...which, "flush")).toContain("flushed successfully");
      expect(dc.controller.directory.bySam("KVM02$")?.allowedToActOnBehalfOf).toBeUndefined();
    });
  });
});
