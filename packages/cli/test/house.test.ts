import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");

interface Manifest {
  readonly name: string;
  readonly workspaces?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
}

const house = JSON.parse(read("package.json")) as Manifest;
const packages = (house.workspaces ?? []).map((folder) => ({
  folder,
  manifest: JSON.parse(read(`${folder}/package.json`)) as Manifest,
}));
const order = packages.map(({ manifest }) => manifest.name);

function importsOf(folder: string): { file: string; name: string }[] {
  const files = readdirSync(join(root, folder, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => `src/${file}`);
  return files.flatMap((file) => {
    const source = read(`${folder}/${file}`);
    const specifiers = [
      ...source.matchAll(/^(?:import|export|\})[^"\n]*from "([^"]+)"|import\("([^"]+)"\)/gm),
    ];
    return specifiers.flatMap(([, fixed, dynamic]) => {
      const specifier = fixed ?? dynamic ?? ".";
      if (specifier.startsWith(".") || specifier.startsWith("node:")) return [];
      return [
        {
          file,
          name: specifier
            .split("/")
            .slice(0, specifier.startsWith("@") ? 2 : 1)
            .join("/"),
        },
      ];
    });
  });
}

describe("the house", () => {
  it.each(packages)(
    "$folder imports only from the layers above it, and declares what it imports",
    ({ folder, manifest }) => {
      const above = order.slice(0, order.indexOf(manifest.name));
      for (const { file, name } of importsOf(folder)) {
        const place = `${folder}/${file} imports ${name}`;
        expect(Object.keys(manifest.dependencies ?? {}), place).toContain(name);
        if (name.startsWith("@waybill/")) expect(above, place).toContain(name);
      }
    },
  );

  it("has no package depend on one it does not use", () => {
    for (const { folder, manifest } of packages) {
      const used = new Set(importsOf(folder).map(({ name }) => name));
      for (const name of Object.keys(manifest.dependencies ?? {}))
        expect([...used], `${folder} declares ${name}`).toContain(name);
    }
  });

  it("records no address of a registry", () => {
    expect(read("package-lock.json")).not.toMatch(/https?:\/\/[^"]*registry/);
  });
});
