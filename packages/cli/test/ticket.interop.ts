import { testPassword } from "@waybill/kdc/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startTicketDomain, type TicketDomain } from "./support/ticket-domain.ts";
import { type Outcome, runToEnd, waybill } from "./support/waybill.ts";

const target = "cifs/kvm02.lab.test";
let place: TicketDomain;

beforeAll(async () => {
  place = await startTicketDomain({
    users: ["alice", { name: "carol", sensitive: true }],
    computers: ["KVM01", "KVM02", "KVM03"],
    delegation: { KVM01: { to: [target], protocol: "kerberos" }, KVM03: { to: [target], protocol: "any" } },
  });
});
afterAll(async () => await place.close());

const ticket = async (args: readonly string[], input?: string): Promise<Outcome> =>
  await waybill(["ticket", ...args], { env: place.env, ...(input === undefined ? {} : { input }) });
const mit = async (program: string, args: readonly string[], input = ""): Promise<Outcome> =>
  await runToEnd(program, args, { env: place.env, input });
const json = ({ stdout }: Outcome): Record<string, unknown> => JSON.parse(stdout) as Record<string, unknown>;

describe("waybill ticket beside MIT's programs", () => {
  beforeEach(async () => void (await mit("kdestroy", ["-q"])));

  it("logs in with a password from standard input; klist shows the ticket and kvno uses it", async () => {
    const login = await ticket(["login", "alice", "--password-file", "-"], `${testPassword}\n`);
    expect(login).toMatchObject({ code: 0, stderr: "" });
    expect(login.stdout).toContain("krbtgt/LAB.TEST@LAB.TEST");
    const klist = await mit("klist", ["-f"]);
    expect(klist.stdout).toContain("Default principal: alice@LAB.TEST");
    expect(klist.stdout).toMatch(/krbtgt\/LAB\.TEST@LAB\.TEST\s+Flags: F\w*IA/);
    expect(await mit("kvno", [target])).toMatchObject({ code: 0 });
    expect(json(await ticket(["list", "--json"]))).toMatchObject({
      client: "alice@LAB.TEST",
      tickets: [{ server: "krbtgt/LAB.TEST@LAB.TEST" }, { server: `${target}@LAB.TEST`, forwardable: true }],
    });
  });

  it("gets a ticket with what kinit left, stores it where klist sees it, and then has it without a KDC", async () => {
    expect(await mit("kinit", ["alice"], `${testPassword}\n`)).toMatchObject({ code: 0 });
    expect(json(await ticket(["get", target, "--json"]))).toMatchObject({
      client: "alice@LAB.TEST",
      server: `${target}@LAB.TEST`,
    });
    expect((await mit("klist", [])).stdout).toContain(`${target}@LAB.TEST`);
    const asked = place.domain.events.length;
    expect(await ticket(["get", target])).toMatchObject({ code: 0 });
    expect(place.domain.events).toHaveLength(asked);
  });

  it("renews a renewable login, keeps the others' tickets, and says why one cannot be renewed", async () => {
    await ticket(["login", "alice", "--password-file", "-", "--renewable", "2d"], testPassword);
    await mit("kvno", [target]);
    expect(await ticket(["renew"])).toMatchObject({ code: 0, stderr: "" });
    const listed = (await mit("klist", [])).stdout;
    expect(listed).toContain("krbtgt/LAB.TEST@LAB.TEST\n\trenew until");
    expect(listed).toContain(`${target}@LAB.TEST`);
    await ticket(["login", "alice", "--password-file", "-"], testPassword);
    const refused = await ticket(["renew"]);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain("Log in again and ask for a renewable ticket.");
  });

  it("purges services or all; without a login it says to log in", async () => {
    await ticket(["login", "KVM01$", "--keytab", await place.keytab("KVM01$")]);
    await mit("kvno", [target]);
    expect(await ticket(["purge", "--services"])).toMatchObject({ code: 0 });
    expect((await mit("klist", [])).stdout).not.toContain(target);
    expect(await ticket(["purge"])).toMatchObject({ code: 0 });
    expect(await mit("klist", ["-s"])).toMatchObject({ code: 1 });
    const get = await ticket(["get", target]);
    expect(get.code).toBe(3);
    expect(get.stderr).toContain("waybill ticket login");
  });

  it("refuses a wrong password without showing it, and asks nothing where there is no terminal", async () => {
    const wrong = await ticket(["login", "alice", "--password-file", "-"], "not-the-password\n");
    expect(wrong.code).toBe(3);
    expect(wrong.stderr).toContain("KDC_ERR_PREAUTH_FAILED");
    expect(wrong.stderr).not.toContain("not-the-password");
    const silent = await ticket(["login", "alice", "--json"]);
    expect(json(silent)).toMatchObject({ error: { code: "PASSWORD_MISSING" } });
  });
});

describe("waybill ticket s4u", () => {
  const s4u = async (account: string, ...more: string[]): Promise<Outcome> =>
    await ticket([
      "s4u",
      "--keytab",
      await place.keytab(account),
      "--service",
      account.toLowerCase(),
      ...more,
    ]);

  it("shows each step to the end, and MIT's programs hold the last ticket as the user's", async () => {
    const cache = place.file("s4u-cc");
    const run = await s4u("KVM03$", "--for", "alice", "--to", target, "--store", cache);
    expect(run).toMatchObject({ code: 0, stderr: "" });
    for (const step of ["1. AS", "2. S4U2Self", "3. S4U2Proxy"]) expect(run.stdout).toContain(step);
    const klist = await mit("klist", ["-c", cache]);
    expect(klist.stdout).toContain("Default principal: alice@LAB.TEST");
    expect(klist.stdout).toContain(`${target}@LAB.TEST`);
  });

  it("explains a refusal for want of protocol transition, and the user's own ticket lifts it", async () => {
    const refused = await s4u("KVM01$", "--for", "alice", "--to", target);
    expect(refused.code).toBe(3);
    expect(refused.stdout).toContain("Not forwardable:");
    expect(refused.stdout).toContain("code KDC_ERR_BADOPTION, STATUS_ACCOUNT_RESTRICTION");
    expect(refused.stdout).toMatch(/1\. KVM01\$@LAB\.TEST is trusted for delegation "using Kerberos only"/);
    await mit("kinit", ["-f", "alice"], `${testPassword}\n`);
    const granted = json(await s4u("KVM01$", "--evidence-cache", place.cache, "--to", target, "--json"));
    expect(granted).toMatchObject({
      granted: true,
      steps: [{ step: "AS" }, { step: "TGS" }, { step: "S4U2Proxy", ticket: { client: "alice@LAB.TEST" } }],
    });
  });

  it("gives the refusal for a sensitive user as JSON with ranked causes", async () => {
    const run = await s4u("KVM03$", "--for", "carol", "--to", target, "--json");
    expect(run.code).toBe(3);
    expect(json(run)).toMatchObject({
      granted: false,
      steps: [
        { step: "AS" },
        { step: "S4U2Self", ticket: { client: "carol@LAB.TEST", forwardable: false } },
        {
          step: "S4U2Proxy",
          error: { code: "KDC_ERR_BADOPTION", explanation: { known: expect.any(Array) } },
        },
      ],
    });
  });
});
