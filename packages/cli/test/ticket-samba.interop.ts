import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { s4uAccounts } from "../../kerberos/test/support/s4u-accounts.ts";
import { SambaDomain } from "../../kerberos/test/support/samba-domain.ts";
import { type Outcome, waybill } from "./support/waybill.ts";

const target = "cifs/kvm02.lab.test";
let samba: SambaDomain;

beforeAll(async () => {
  samba = await SambaDomain.start({ seed: s4uAccounts("lab.test") });
});
afterAll(async () => await samba?.stop());

async function s4u(account: string, ...more: string[]): Promise<Outcome> {
  const env = { KRB5_CONFIG: samba.krb5Conf, KRB5CCNAME: join(samba.directory, "no-cache") };
  const keytab = await samba.exportKeytab(account);
  return await waybill(["ticket", "s4u", "--keytab", keytab, "--service", account.toLowerCase(), ...more], {
    env,
  });
}

describe("waybill ticket s4u before Samba AD", () => {
  it("goes all the way with protocol transition", async () => {
    const run = await s4u("KVM03$", "--for", "alice", "--to", target);
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(run.stdout).toContain("3. S4U2Proxy");
    expect(run.stdout).toMatch(/client +alice@LAB\.TEST\n +server +cifs\/kvm02\.lab\.test@LAB\.TEST/);
  });

  it("names Kerberos-only trust as the likeliest reason of a refusal", async () => {
    const run = await s4u("KVM01$", "--for", "alice", "--to", target);
    expect(run.code).toBe(3);
    expect(run.stdout).toContain("code KDC_ERR_BADOPTION");
    expect(run.stdout).toMatch(/1\. KVM01\$@LAB\.TEST is trusted for delegation "using Kerberos only"/);
  });
});
