// `npm run build`: the waybill command as one directory that needs no build tools, and the library packages as
// JavaScript with their types.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { bundle } from "./bundle.mjs";
import { fail, root, run } from "./setup.mjs";

const cli = join(root, "packages", "cli");
const out = join(cli, "dist");

await command();
smoke();
libraries();

/** Command groups are chunks, so that `--help` reads in next to nothing. */
async function command() {
  rmSync(out, { recursive: true, force: true });
  await bundle({ waybill: join(cli, "src", "main.ts") }, out, {
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "linked",
  });
  for (const folder of ["scenarios", "samba"])
    cpSync(join(cli, folder), join(out, folder), { recursive: true });
  cpSync(join(root, "packages", "qemu", "guest"), join(out, "guest"), { recursive: true });
  chmodSync(join(out, "waybill.mjs"), 0o755);
}

/** The bundle runs, from anywhere, and quickly. */
function smoke() {
  const waybill = join(out, "waybill.mjs");
  const expectations = [
    [["--version"], /^\d+\.\d+\.\d+$/m],
    [["--help"], /lab/],
    [["lab", "--help"], /story/],
    [["lab", "run", "--help"], /ws2016/],
    [["dc", "--help"], /init|serve/],
  ];
  for (const [args, wanted] of expectations) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [waybill, ...args], {
      cwd: "/",
      encoding: "utf8",
    });
    if (status !== 0 || !wanted.test(stdout)) fail(`waybill ${args.join(" ")} failed: ${stderr}`);
  }
  const times = Array.from({ length: 5 }, () => {
    const start = performance.now();
    spawnSync(process.execPath, [waybill, "--help"]);
    return performance.now() - start;
  }).sort((a, b) => a - b);
  const size = readdirSync(out)
    .filter((name) => name.endsWith(".mjs"))
    .reduce((sum, name) => sum + statSync(join(out, name)).size, 0);
  console.log(
    `packages/cli/dist/waybill.mjs: ${(size / 1024).toFixed(0)} KiB in all, --help in ${times[2].toFixed(0)} ms`,
  );
}

/** Every other package as JavaScript with its types, in its own dist folder. */
function libraries() {
  const emitted = join(root, "node_modules", ".cache", "waybill-dist");
  rmSync(emitted, { recursive: true, force: true });
  if (run("npx", ["tsc", "-p", join("tools", "tsconfig.dist.json")]) !== 0) fail("tsc found errors.");
  const names = readdirSync(emitted).filter((name) => name !== "cli");
  for (const name of names) {
    const dist = join(root, "packages", name, "dist");
    rmSync(dist, { recursive: true, force: true });
    cpSync(join(emitted, name, "src"), dist, { recursive: true });
  }
  const check =
    'import("@waybill/host").then((host) => process.exit("migrationServiceClass" in host ? 0 : 1))';
  if (run(process.execPath, ["--input-type=module", "-e", check]) !== 0)
    fail("The built packages do not load.");
  console.log(`packages/*/dist: ${names.join(", ")}`);
}
