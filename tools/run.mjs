// The commands behind `npm run …`: each sets up what it needs, then does its work.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ensureDebianPackages, ensureNodePackages, fail, root, run } from "./setup.mjs";
import { runTests } from "./test.mjs";

const [command, ...args] = process.argv.slice(2);

function source(file, ...rest) {
  const tsx = join(root, "node_modules", "tsx", "dist", "cli.mjs");
  return run(process.execPath, [tsx, "--conditions=@waybill/source", file, ...rest]);
}

const commands = {
  lab() {
    ensureNodePackages();
    ensureDebianPackages("debian-packages-lab.txt");
    return source("packages/cli/src/main.ts", "lab", "story", ...args);
  },
  test() {
    ensureNodePackages();
    ensureDebianPackages("debian-packages.txt");
    return runTests(args);
  },
  bench() {
    ensureNodePackages();
    ensureDebianPackages("debian-packages.txt");
    return source("bench/main.ts", ...args);
  },
  chaos() {
    ensureNodePackages();
    ensureDebianPackages("debian-packages.txt");
    return source("packages/host/chaos/main.ts", ...args);
  },
  fuzz() {
    ensureNodePackages();
    const runs = args[0] ?? "1000000";
    const result = spawnSync(
      "npx",
      ["vitest", "run", "--project", "unit", "-t", "mutated", "--testTimeout", "3600000"],
      {
        cwd: root,
        stdio: "inherit",
        env: { ...process.env, WAYBILL_FUZZ_RUNS: runs },
      },
    );
    return result.status ?? 1;
  },
  build() {
    ensureNodePackages();
    return run(process.execPath, ["tools/build.mjs", ...args]);
  },
};

const chosen = Object.hasOwn(commands, command ?? "") ? commands[command] : undefined;
if (chosen === undefined) fail(`usage: node tools/run.mjs ${Object.keys(commands).join("|")}`);
process.exit(await chosen());
