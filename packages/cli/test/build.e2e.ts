import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { mustWork } from "./support/lab.ts";
import { runToEnd } from "./support/waybill.ts";

const at = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

test("the build makes a command that runs from anywhere, with its scenarios beside it", async () => {
  const { stdout } = mustWork(await runToEnd(process.execPath, [at("tools/build.mjs")]));
  expect(stdout).toContain("packages/*/dist: asn1, base, directory");
  const bundle = at("packages/cli/dist/waybill.mjs");
  const refused = await runToEnd(process.execPath, [bundle, "lab", "run", "no-such-scenario"]);
  expect(refused.stderr).toContain("ws2016");
  expect(refused.stderr).toContain("SCENARIO_UNKNOWN");
});

test("a test domain comes out of the built packages, with no source condition", async () => {
  const script = `
    import { createTestDomain, testPassword } from "@waybill/kdc/testing";
    const domain = await createTestDomain({ users: ["alice"], computers: ["KVM01"], sockets: true });
    const tgt = await domain.client.login({ principal: domain.principal("alice"), password: testPassword });
    const ticket = await domain.client.getTicket({ tgt, server: domain.principal("HTTP/kvm01.lab.test") });
    console.log(ticket.client.components[0], import.meta.resolve("@waybill/kdc/testing"));
    await domain.close();
  `;
  const args = ["--input-type=module", "--eval", script];
  const { stdout } = mustWork(await runToEnd(process.execPath, args));
  expect(stdout).toMatch(/^alice file:.*kdc\/dist\/testing\/index\.js\n$/);
});
