import { stat } from "node:fs/promises";
import { testPassword } from "@waybill/kdc/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTicketDomain, type TicketDomain } from "./support/ticket-domain.ts";
import { type Outcome, runToEnd, waybill } from "./support/waybill.ts";

let place: TicketDomain;

beforeAll(async () => {
  place = await startTicketDomain({ users: ["alice"], computers: ["KVM01", "KVM02"] });
});
afterAll(async () => await place.close());

const keytab = async (args: readonly string[], input = ""): Promise<Outcome> =>
  await waybill(["keytab", ...args], { env: place.env, input });
const mit = async (program: string, args: readonly string[]): Promise<Outcome> =>
  await runToEnd(program, args, { env: place.env });

describe("waybill keytab beside MIT's programs", () => {
  it("makes a computer's keytab from its password: kinit logs in with it, klist -k lists it", async () => {
    const file = place.file("made.keytab");
    const kvno = String(place.domain.keytab("KVM01$").entries[0]?.kvno);
    const names = ["--principal", "KVM01$", "host/kvm01.lab.test", "--account", "KVM01$", "--kvno", kvno];
    const added = await keytab(["add", file, ...names, "--password-file", "-"], `${testPassword}\n`);
    expect(added).toMatchObject({ code: 0, stderr: "" });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await mit("kinit", ["-k", "-t", file, "KVM01$"])).toMatchObject({ code: 0 });
    const listed = (await mit("klist", ["-k", "-e", file])).stdout;
    expect(listed).toContain("KVM01$@LAB.TEST (aes256-cts-hmac-sha1-96)");
    expect(listed).toContain("host/kvm01.lab.test@LAB.TEST");
  });

  it("makes a user's keys with the user's salt", async () => {
    const file = place.file("alice.keytab");
    const kvno = String(place.domain.keytab("alice").entries[0]?.kvno);
    await keytab(["add", file, "--principal", "alice", "--kvno", kvno, "--password-file", "-"], testPassword);
    expect(await mit("kinit", ["-k", "-t", file, "alice"])).toMatchObject({ code: 0 });
  });

  it("merges keytabs into one that has both, and lists it as JSON without keys", async () => {
    const into = place.file("merged.keytab");
    const from = [await place.keytab("KVM01$"), await place.keytab("KVM02$")];
    expect(await keytab(["merge", into, ...from])).toMatchObject({ code: 0 });
    expect(await mit("kinit", ["-k", "-t", into, "KVM02$"])).toMatchObject({ code: 0 });
    const listed = await keytab(["list", into, "--json"]);
    const entries = JSON.parse(listed.stdout) as Record<string, unknown>[];
    expect(new Set(entries.map(({ principal }) => principal))).toContain("KVM01$@LAB.TEST");
    expect(Object.keys(entries[0] ?? {})).toEqual(["principal", "kvno", "etype", "timestamp"]);
  });

  it("says what is wrong with a file that is no keytab, or is not there", async () => {
    expect(await keytab(["list", place.file("none")])).toMatchObject({ code: 1 });
    const wrong = await keytab(["list", place.file("krb5.conf"), "--json"]);
    expect(JSON.parse(wrong.stdout)).toMatchObject({ error: { code: "MALFORMED_KEYTAB" } });
  });
});
