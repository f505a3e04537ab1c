import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createTestDomain, type TestDomain, testPassword } from "../src/testing/index.ts";

const exec = promisify(execFile);
const root = fileURLToPath(new URL("../../../", import.meta.url));
const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
const packages = ["base", "asn1", "kerberos"];
let domain: TestDomain;
let directory: string;
/** Somebody else's project, far from this one. */
let project: string;

async function run(program: string, args: readonly string[], cwd: string, input = ""): Promise<string> {
  const env = { ...process.env, KRB5_CONFIG: join(directory, "krb5.conf"), NODE_PATH: "", NODE_OPTIONS: "" };
  const pending = exec(program, [...args], { cwd, env, timeout: 100_000 });
  pending.child.stdin?.end(input);
  return await pending.then(
    ({ stdout }) => stdout,
    (error: { stdout?: string; stderr?: string }) => {
      throw new Error(`${program} ${args.join(" ")}: ${error.stdout}${error.stderr}`, { cause: error });
    },
  );
}

/** The three packages as they would be published. */
async function pack(): Promise<readonly string[]> {
  const built = join(directory, "built");
  const config = {
    extends: join(root, "tools", "tsconfig.dist.json"),
    compilerOptions: {
      rootDir: join(root, "packages"),
      outDir: built,
      typeRoots: [join(root, "node_modules/@types")],
    },
    include: packages.map((name) => join(root, "packages", name, "src")),
  };
  const configFile = join(directory, "tsconfig.json");
  await writeFile(configFile, JSON.stringify(config));
  await run(process.execPath, [tsc, "-p", configFile], root);
  const tarballs: string[] = [];
  for (const name of packages) {
    const from = join(root, "packages", name);
    const to = join(directory, "packages", name);
    await mkdir(to, { recursive: true });
    for (const part of ["package.json", "README.md", "examples"])
      await cp(join(from, part), join(to, part), { recursive: true }).catch(() => undefined);
    await cp(join(built, name, "src"), join(to, "dist"), { recursive: true });
    const [{ filename }] = JSON.parse(await run("npm", ["pack", "--json"], to)) as [{ filename: string }];
    tarballs.push(join(to, filename));
  }
  return tarballs;
}

beforeAll(async () => {
  domain = await createTestDomain({ sockets: true, computers: ["KVM01"] });
  directory = await mkdtemp(join(tmpdir(), "waybill-packed-"));
  project = join(directory, "project");
  const kdc = `${domain.server?.host}:${domain.server?.port}`;
  await writeFile(
    join(directory, "krb5.conf"),
    `[libdefaults]\n  default_realm = ${domain.realm}\n[realms]\n  ${domain.realm} = {\n    kdc = ${kdc}\n  }\n`,
  );
  await mkdir(project);
  await writeFile(join(project, "package.json"), JSON.stringify({ name: "stranger", type: "module" }));
  const offline = ["--offline", "--no-audit", "--no-fund", "--cache", join(directory, "cache")];
  await run("npm", ["install", ...offline, ...(await pack())], project);
});
afterAll(async () => {
  await domain?.close();
  await rm(directory, { recursive: true, force: true });
});

it("nothing but the packages themselves is installed", async () => {
  expect(await readdir(join(project, "node_modules"))).toEqual([".package-lock.json", "@waybill"]);
  expect((await readdir(join(project, "node_modules", "@waybill"))).sort()).toEqual([
    "asn1",
    "base",
    "kerberos",
  ]);
});

it("the examples compile against the packages' types, and run in plain Node", async () => {
  const examples = join(project, "node_modules", "@waybill", "kerberos", "examples");
  await cp(examples, join(project, "src"), { recursive: true });
  const config = {
    compilerOptions: {
      target: "es2023",
      module: "nodenext",
      strict: true,
      exactOptionalPropertyTypes: true,
      types: ["node"],
      typeRoots: [join(root, "node_modules", "@types")],
      rootDir: "src",
      outDir: "out",
    },
    include: ["src"],
  };
  await writeFile(join(project, "tsconfig.json"), JSON.stringify(config));
  await run(process.execPath, [tsc, "-p", "tsconfig.json"], project);
  const program = await readFile(join(project, "out", "keytab.js"), "utf8");
  expect(program).toContain('from "@waybill/kerberos"');
  const args = ["out/keytab.js", "new.keytab", "KVM01$", domain.realm, "1"];
  const said = await run(process.execPath, args, project, `${testPassword}\n`);
  expect(said).toContain("1 KVM01$@LAB.TEST aes256-cts-hmac-sha1-96");
  expect(said).toContain("logged in until");
});
