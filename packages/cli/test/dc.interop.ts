import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loopbackAddress } from "../../kerberos/test/support/processes.ts";

const root = join(import.meta.dirname, "../../..");
const node = ["--conditions=@waybill/source", "--import", "tsx", join(root, "packages/cli/src/main.ts")];

describe("waybill dc", () => {
  const dir = mkdtempSync(join(tmpdir(), "waybill-cli-dc-"));
  const state = join(dir, "state");
  const address = loopbackAddress();
  const env = {
    ...process.env,
    LC_ALL: "C",
    WAYBILL_DC_STATE: state,
    KRB5_CONFIG: join(dir, "krb5.conf"),
    KRB5CCNAME: join(dir, "ccache"),
  };
  let server: ChildProcess;

  async function run(program: string, args: readonly string[], input = ""): Promise<string> {
    return await new Promise((resolve, reject) => {
      const child = execFile(program, args, { env, cwd: root, timeout: 120_000 }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`${program} ${args.join(" ")}: ${stdout}${stderr}`));
      });
      child.stdin?.on("error", () => {});
      child.stdin?.end(input);
    });
  }
  const dc = async (args: string, input = ""): Promise<string> =>
    await run(process.execPath, [...node, "dc", ...args.split(" ")], input);

  beforeAll(async () => {
    expect(await dc("init --realm LAB.TEST --password-file -", "Adm1n-Secret!\n")).toContain(
      "LAB.TEST (S-1-5-21-",
    );
    const options = ["--listen", address, "--workers", "2", "--metrics-port", "9464"];
    server = spawn(process.execPath, [...node, "dc", "serve", ...options], {
      env,
      cwd: root,
      stdio: ["ignore", "ignore", "pipe"],
    });
    if (server.stderr === null) throw new Error("no log");
    for await (const line of createInterface(server.stderr)) if (line.includes("dc.ready")) break;
    server.stderr.resume();
    writeFileSync(env.KRB5_CONFIG, await dc(`krb5-conf --server ${address}`));
  });

  afterAll(() => {
    server?.kill("SIGKILL");
    rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  });

  it("acts at once on a controller that runs: users, computers, delegation, keytabs", async () => {
    await dc("user add alice --password-file -", "Passw0rd!\n");
    await dc("computer add KVM01");
    await dc("computer add KVM02 --migration");
    await dc("delegation set KVM01 --to cifs/kvm02.lab.test --protocol any");
    const keytab = join(dir, "kvm01.keytab");
    await dc(`keytab KVM01$ --out ${keytab}`);
    await run("kinit", ["alice"], "Passw0rd!\n");
    await run("kvno", ["Microsoft Virtual System Migration Service/kvm02.lab.test"]);
    await run("kinit", ["-k", "-t", keytab, "KVM01$"]);
    await run("kvno", ["-k", keytab, "-U", "alice", "-P", "cifs/kvm02.lab.test"]);
    expect(await dc("spn list KVM02")).toContain("Microsoft Virtual System Migration Service/kvm02.lab.test");
    expect(await dc("export")).toContain("dn: CN=alice,CN=Users,DC=lab,DC=test");
  });

  it("carries out LDIF that it exported or that a person wrote; says which lines failed", async () => {
    const file = join(dir, "more.ldif");
    writeFileSync(
      file,
      `dn: CN=bob,CN=Users,DC=lab,DC=test
objectClass: user
sAMAccountName: bob

dn: CN=KVM01,CN=Computers,DC=lab,DC=test
changetype: modify
replace: msDS-AllowedToDelegateTo
msDS-AllowedToDelegateTo: cifs/kvm02
-
`,
    );
    expect(await dc(`import ${file}`)).toContain("added 1, changed 1, failed 0");
    const exported = await dc("export");
    expect(exported).toContain("dn: CN=bob,CN=Users,DC=lab,DC=test");
    expect(exported).toMatch(/msDS-AllowedToDelegateTo: cifs\/kvm02\n/);
    const bad = "dn: CN=eve,CN=Nowhere,DC=lab,DC=test\nobjectClass: user\n";
    await expect(dc("import -", bad)).rejects.toThrow(/added 0, changed 0, failed 1\n-:1: /);
    await expect(dc(`import ${join(dir, "none")}`)).rejects.toThrow(/cannot read .*FILE_UNREADABLE/s);
    expect(await dc(`import - --state ${state}`, exported)).toContain("failed 0");
    expect(await dc("import --help")).toContain("waybill dc import users.ldif");
  });

  it("counts what all workers do, by outcome and reason", async () => {
    const metrics = await (await fetch(`http://${address}:9464/metrics`)).text();
    expect(metrics).toMatch(/exchange="s4u2proxy",outcome="issued"[^\n]* [1-9]/);
    expect(metrics).toContain('reason="preauth-required"');
  });

  it("says what is wrong and what to do", async () => {
    const other = run(process.execPath, [...node, "dc", "status", "--state", join(dir, "nowhere")]);
    await expect(other).rejects.toThrow(/there is no domain in .*\n.*NO_DOMAIN\n.*waybill dc init/);
    // Asking makes nothing.
    expect(existsSync(join(dir, "nowhere"))).toBe(false);
    const inFile = ["dc", "init", "--realm", "X.TEST", "--password-file", "-", "--state", env.KRB5_CONFIG];
    await expect(run(process.execPath, [...node, ...inFile], "Adm1n-Secret!\n")).rejects.toThrow(
      /cannot be used \(ENOTDIR\)\n.*STORE_UNWRITABLE/,
    );
  });

  it("removes only what it is asked for, and nothing that the domain needs", async () => {
    await expect(dc("user remove krbtgt")).rejects.toThrow(/the domain needs CN=krbtgt.*\n.*ACCESS_DENIED/);
    await expect(dc("user remove KVM01")).rejects.toThrow(/there is no user KVM01/);
    await expect(dc("computer remove alice")).rejects.toThrow(/there is no computer alice/);
    await expect(dc("keytab KVM01$ --out /nowhere/at/all")).rejects.toThrow(/FILE_/);
    await expect(dc("user add carl --password-file /nowhere")).rejects.toThrow(/FILE_UNREADABLE/);
    await expect(dc("computer remove DC1")).rejects.toThrow(/the domain needs CN=DC1/);
    await expect(dc("spn remove KVM02 http/nowhere")).rejects.toThrow(/KVM02 has no service name http/);
    await dc("computer remove KVM02");
    expect(await dc("computer list")).not.toContain("KVM02");
  });

  it("trusts another realm", async () => {
    await dc("trust add MIT.TEST --password-file -", "between us\n");
    expect(await dc("trust list")).toMatch(/mit\.test +both, realm/);
    await dc("trust remove MIT.TEST");
    await expect(dc("trust remove MIT.TEST")).rejects.toThrow(/there is no trust with MIT.TEST/);
  });

  it("stops when asked to", async () => {
    server.kill("SIGTERM");
    const [code] = (await once(server, "exit")) as [number | null];
    expect(code).toBe(0);
  });
});
