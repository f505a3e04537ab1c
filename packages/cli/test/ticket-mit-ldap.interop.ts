import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MitRealm } from "../../kerberos/test/support/mit-realm.ts";
import { run } from "../../kerberos/test/support/processes.ts";
import { type Outcome, waybill } from "./support/waybill.ts";

const target = "cifs/kvm02.mit.test";
const [transition, kerberosOnly] = ["host/kvm03.mit.test", "host/kvm01.mit.test"];
let realm: MitRealm;

beforeAll(async () => {
  realm = await MitRealm.start({
    ldap: true,
    principals: [
      { name: "alice", password: "alice-pw", attributes: "+requires_preauth" },
      { name: transition, attributes: "+requires_preauth +ok_to_auth_as_delegate" },
      { name: kerberosOnly, attributes: "+requires_preauth" },
      { name: target },
      { name: "cifs/other.mit.test" },
    ],
  });
  for (const host of [transition, kerberosOnly]) await realm.allowDelegation(host, [target]);
});
afterAll(async () => await realm?.stop());

async function s4u(service: string, ...more: string[]): Promise<Outcome> {
  const env = { ...realm.env, KRB5CCNAME: join(realm.directory, "no-cache") };
  const keytab = await realm.exportKeytab(service);
  return await waybill(["ticket", "s4u", "--keytab", keytab, "--service", service, ...more], { env });
}

describe("waybill ticket s4u before MIT's krb5kdc over LDAP", () => {
  it("shows each step with its flags to the end", async () => {
    const granted = await s4u(transition, "--for", "alice", "--to", target);
    expect(granted).toMatchObject({ code: 0, stderr: "" });
    for (const step of ["1. AS", "2. S4U2Self", "3. S4U2Proxy"]) expect(granted.stdout).toContain(step);
    expect(granted.stdout.match(/flags +.*forwardable/g)).toHaveLength(3);
    expect(granted.stdout).toMatch(/client +alice@MIT\.TEST\n +server +cifs\/kvm02\.mit\.test@MIT\.TEST/);
  });

  it("names the want of protocol transition; the person's own ticket lifts it", async () => {
    const refused = await s4u(kerberosOnly, "--for", "alice", "--to", target);
    expect(refused.code).toBe(3);
    expect(refused.stdout).toContain("Not forwardable:");
    expect(refused.stdout).toContain("code KDC_ERR_BADOPTION");
    expect(refused.stdout).toMatch(/1\. host\/kvm01\.mit\.test@MIT\.TEST is trusted .*"using Kerberos only"/);
    const cache = join(realm.directory, "alice");
    await run("kinit", ["-f", "-c", cache, "alice"], { env: realm.env, input: "alice-pw\n" });
    const granted = await s4u(kerberosOnly, "--evidence-cache", cache, "--to", target, "--json");
    expect(JSON.parse(granted.stdout)).toMatchObject({
      granted: true,
      steps: [{ step: "AS" }, { step: "TGS" }, { step: "S4U2Proxy", ticket: { client: "alice@MIT.TEST" } }],
    });
  });

  it("says of good evidence that the list is what lacks the service", async () => {
    const refused = await s4u(transition, "--for", "alice", "--to", "cifs/other.mit.test", "--json");
    expect(refused.code).toBe(3);
    expect(JSON.parse(refused.stdout)).toMatchObject({
      granted: false,
      steps: [
        { step: "AS" },
        { step: "S4U2Self", ticket: { forwardable: true } },
        {
          step: "S4U2Proxy",
          error: {
            code: "KDC_ERR_BADOPTION",
            explanation: { causes: [{ cause: expect.stringContaining("msDS-AllowedToDelegateTo") }, {}] },
          },
        },
      ],
    });
  });
});
