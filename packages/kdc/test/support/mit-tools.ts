import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeKeytab } from "@waybill/kerberos";
import type { TestDomain } from "../../src/testing/index.ts";

export interface ToolResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A directory with a krb5.conf for one test domain on sockets, and the programs that read it. */
export class MitTools {
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly #domain: TestDomain;

  constructor(domain: TestDomain, extra = "") {
    this.#domain = domain;
    this.dir = mkdtempSync(join(tmpdir(), "waybill-kdc-"));
    const { server } = domain;
    if (server === undefined) throw new Error("the test domain has no sockets");
    const { host, port, kpasswdPort } = server;
    writeFileSync(
      join(this.dir, "krb5.conf"),
      `[libdefaults]
  default_realm = ${domain.realm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  forwardable = true
${extra}
[realms]
  ${domain.realm} = {
    kdc = ${host}:${port}
    kpasswd_server = ${host}:${kpasswdPort}
    admin_server = ${host}:${kpasswdPort}
  }
`,
    );
    this.env = {
      ...process.env,
      KRB5_CONFIG: join(this.dir, "krb5.conf"),
      KRB5CCNAME: join(this.dir, "ccache"),
      KRB5_TRACE: join(this.dir, "trace"),
      LC_ALL: "C",
    };
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  writeKeytab(account: string, name = `${account}.keytab`): string {
    const path = this.path(name);
    writeFileSync(path, encodeKeytab(this.#domain.keytab(account)), { mode: 0o600 });
    return path;
  }

  async run(
    program: string,
    args: readonly string[],
    options: { input?: string; cache?: string } = {},
  ): Promise<ToolResult> {
    const env =
      options.cache === undefined ? this.env : { ...this.env, KRB5CCNAME: this.path(options.cache) };
    return await new Promise((resolve, reject) => {
      const child = execFile(program, args, { env, timeout: 120_000 }, (error, stdout, stderr) => {
        const code = error === null ? 0 : error.code;
        if (typeof code !== "number") reject(error);
        else resolve({ code, stdout, stderr });
      });
      // A program that fails early does not read its input.
      child.stdin?.on("error", () => {});
      child.stdin?.end(options.input ?? "");
    });
  }

  /** Runs a program that must succeed. */
  async ok(
    program: string,
    args: readonly string[],
    options: { input?: string; cache?: string } = {},
  ): Promise<string> {
    const result = await this.run(program, args, options);
    if (result.code !== 0) {
      throw new Error(`${program} ${args.join(" ")} failed: ${result.stdout}${result.stderr}`);
    }
    return result.stdout;
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
