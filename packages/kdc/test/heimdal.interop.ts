import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { heimdalPrograms } from "../../kerberos/test/support/heimdal-programs.ts";
import { createTestDomain, type TestDomain, testPassword } from "../src/testing/index.ts";
import { MitTools, type ToolResult } from "./support/mit-tools.ts";

const target = "cifs/kvm02.lab.test@LAB.TEST";

describe("Heimdal's tools against the KDC", () => {
  let domain: TestDomain;
  let tools: MitTools;
  let bin: string;

  beforeAll(async () => {
    domain = await createTestDomain({
      sockets: true,
      users: ["alice"],
      computers: ["KVM01", "KVM02", "KVM03"],
      delegation: {
        KVM01: { to: ["cifs/kvm02.lab.test"], protocol: "kerberos" },
        KVM03: { to: ["cifs/kvm02.lab.test"], protocol: "any" },
      },
    });
    const clients = await heimdalPrograms();
    bin = clients.bin;
    tools = new MitTools(domain);
    tools.env.LD_LIBRARY_PATH = clients.lib;
  });

  afterAll(async () => {
    await domain?.close();
    tools?.remove();
  });

  const heimdal = async (program: string, args: readonly string[]): Promise<ToolResult> =>
    await tools.run(join(bin, program), args);
  const last = (): string => {
    const event = domain.events.at(-1);
    return `${event?.exchange} ${event?.outcome} ${event?.reason ?? ""}`.trim();
  };

  it("kinit and kgetcred", async () => {
    const password = tools.path("password");
    writeFileSync(password, `${testPassword}\n`, { mode: 0o600 });
    const cache = tools.path("alice");
    await heimdal("kinit.heimdal", ["-c", cache, "--forwardable", `--password-file=${password}`, "alice"]);
    expect(last()).toBe("as issued");
    await heimdal("kgetcred", ["-c", cache, "host/kvm01.lab.test@LAB.TEST"]);
    expect(last()).toBe("tgs issued");
  });

  it.each([
    ["KVM03$", "s4u2proxy issued"],
    ["KVM01$", "s4u2proxy refused evidence-not-forwardable"],
  ])("kgetcred --impersonate and --delegation-credential-cache as %s", async (host, outcome) => {
    const keytab = tools.writeKeytab(host);
    const own = tools.path(`${host}.own`);
    const impersonated = tools.path(`${host}.alice`);
    await heimdal("kinit.heimdal", ["-c", own, "--forwardable", "-k", "-t", keytab, host]);
    expect(last()).toBe("as issued");
    const self = await heimdal("kgetcred", [
      "-c",
      own,
      "--forwardable",
      "--impersonate=alice@LAB.TEST",
      `--out-cache=${impersonated}`,
      `${host}@LAB.TEST`,
    ]);
    expect(self.stderr).toBe("");
    expect(last()).toBe("s4u2self issued");
    await heimdal("kgetcred", [
      "-c",
      own,
      "--forwardable",
      `--delegation-credential-cache=${impersonated}`,
      target,
    ]);
    expect(last()).toBe(outcome);
  });
});
