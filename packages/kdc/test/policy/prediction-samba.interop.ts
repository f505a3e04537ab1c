import { type DirectoryView, type LoadedDirectory, loadFromLdap } from "@waybill/directory";
import {
  type Credential,
  ErrorCode,
  isForwardable,
  KdcOptions,
  type KerberosClient,
  type KerberosError,
  type Keytab,
  parsePrincipal,
  readKeytab,
  TicketFlags,
} from "@waybill/kerberos";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { s4uAccounts } from "../../../kerberos/test/support/s4u-accounts.ts";
import { SambaDomain } from "../../../kerberos/test/support/samba-domain.ts";
import { asAdministrator } from "../../../ldap/test/support/domain.ts";
import {
  asClientDecision,
  asTicketFlags,
  s4u2proxyClientDecision,
  s4u2proxyDecision,
  s4u2selfClientDecision,
  s4u2selfForwardable,
  samba417,
  serviceDecision,
  subjectOf,
} from "../../src/policy/index.ts";

// What the policy predicts from Samba's directory, read over LDAP, is what Samba's KDC does: every host, every user,
// every kind of target, with S4U2Self and with the user's own ticket.
const hosts = ["KVM01", "KVM02", "KVM03", "KVM04", "KVM05", "KVM06"];
const users = ["alice", "sens", "prot", "disab", "mustchg", "expd", "nosuchuser"];
const targets = [
  "Microsoft Virtual System Migration Service/kvm02.lab.test",
  "CIFS/KVM02.lab.TEST",
  "host/kvm02.lab.test",
  "cifs/kvm07.lab.test",
  "http/kvm02.lab.test",
  "cifs/nosuch",
];
const profile = samba417;

let domain: SambaDomain;
let client: KerberosClient;
let loaded: LoadedDirectory;
let view: DirectoryView;
const tgts = new Map<string, Credential>();
const principal = (name: string) => parsePrincipal(name, { defaultRealm: "LAB.TEST" });

beforeAll(async () => {
  domain = await SambaDomain.start({ seed: s4uAccounts("lab.test") });
  client = domain.newClient();
  for (const host of hosts) {
    const keytab: Keytab = await readKeytab(await domain.exportKeytab(`${host}$`));
    tgts.set(host, await client.login({ principal: principal(`${host}$`), keytab, forwardable: true }));
  }
  const ldap = await asAdministrator(domain);
  loaded = await loadFromLdap(ldap);
  ldap.close();
  view = loaded.directory;
});

afterAll(async () => {
  await domain?.stop();
});

/** The outcome of one attempt: `ok`, `not forwardable` or the error's name. */
async function outcome(attempt: Promise<Credential>): Promise<string> {
  return await attempt.then(
    (ticket) => (isForwardable(ticket) ? "ok" : "not forwardable"),
    (error: KerberosError) => error.code,
  );
}

const errorNames = new Map<number, string>(Object.entries(ErrorCode).map(([name, code]) => [code, name]));
const named = (code: number): string => errorNames.get(code) ?? String(code);

function predictSelf(host: string, user: string): string {
  const account = view.bySam(user);
  if (account === undefined) return "KDC_ERR_C_PRINCIPAL_UNKNOWN";
  const standing = s4u2selfClientDecision({ domain: view.domain, account, now: Date.now(), profile });
  if (!standing.allowed) return named(standing.errorCode);
  const decision = s4u2selfForwardable({
    domain: view.domain,
    krbtgt: view.krbtgt,
    service: view.byName(host)!,
    user: subjectOf(view, account),
    forwardableRequested: true,
    serviceTgtForwardable: true,
    profile,
  });
  expect(decision.uncertain).toEqual([]);
  return decision.forwardable ? "ok" : "not forwardable";
}

function predictProxy(
  host: string,
  user: string,
  spn: string,
  forwardable: boolean,
  s4u2self: boolean,
): string {
  const account = view.bySam(user)!;
  const target = serviceDecision(view, spn, profile);
  if (!target.allowed) return named(target.errorCode);
  const service = view.byName(host)!;
  const decision = s4u2proxyDecision({
    domain: view.domain,
    service,
    serviceToken: view.tokenSids(service),
    target: target.account,
    targetSpn: spn,
    evidence: { forwardable, s4u2self },
    resourceBasedRequested: true,
    user: subjectOf(view, account),
    profile,
  });
  if (!decision.allowed) return named(decision.errorCode);
  const standing = s4u2proxyClientDecision({ domain: view.domain, account, now: Date.now(), profile });
  return standing.allowed ? "ok" : named(standing.errorCode);
}

test("the directory is read whole", () => {
  expect(loaded.problems).toEqual([]);
  expect(view.domain).toMatchObject({ realm: "LAB.TEST", netbiosName: "LAB", functionalLevel: 4 });
  expect(view.byName("KVM01")?.allowedToDelegateTo).toContain("cifs/kvm02.lab.test");
  expect(view.byName("KVM07")?.allowedToActOnBehalfOf?.length).toBeGreaterThan(20);
  expect(view.groupsOf(view.bySam("prot")!).map((group) => group.samAccountName)).toContain(
    "Protected Users",
  );
  for (const account of view.accounts())
    expect([account.samAccountName, ...account.unreadable]).toEqual([account.samAccountName]);
});

describe.each(hosts)("%s", (host) => {
  test.each(users)("acting for %s", async (user) => {
    const tgt = tgts.get(host)!;
    const predicted = predictSelf(host, user);
    const attempt = client.s4u2self({ tgt, user: principal(user) }, { fresh: true });
    expect(await outcome(attempt)).toBe(predicted);
    const evidence = await attempt.catch(() => undefined);
    for (const spn of evidence === undefined ? [] : targets) {
      const real = await outcome(
        client.s4u2proxy({ tgt, evidence: evidence!, target: principal(spn) }, { fresh: true }),
      );
      expect([spn, real]).toEqual([spn, predictProxy(host, user, spn, predicted === "ok", true)]);
    }
  });

  test.each(users.filter((user) => user !== "nosuchuser"))("with a ticket of %s", async (user) => {
    const account = view.bySam(user)!;
    const decision = asClientDecision({ domain: view.domain, account, now: Date.now(), profile });
    const login = client.login({
      principal: principal(user),
      password: `Passw0rd.${user}`,
      forwardable: true,
    });
    const signedIn = await outcome(login);
    if (!decision.allowed) {
      expect(signedIn).toBe(named(decision.errorCode));
      return;
    }
    const facts = {
      domain: view.domain,
      krbtgt: view.krbtgt,
      client: subjectOf(view, account),
      server: view.krbtgt,
    };
    const flags = asTicketFlags({ ...facts, options: KdcOptions.forwardable, profile });
    const forwardable = flags.allowed && (flags.flags & TicketFlags.forwardable) !== 0;
    expect(signedIn).toBe(forwardable ? "ok" : "not forwardable");
    const evidence = await client.getTicket({
      tgt: await login,
      server: principal(`host/${host.toLowerCase()}.lab.test`),
    });
    for (const spn of targets) {
      const real = await outcome(
        client.s4u2proxy({ tgt: tgts.get(host)!, evidence, target: principal(spn) }, { fresh: true }),
      );
      expect([spn, real]).toEqual([spn, predictProxy(host, user, spn, forwardable, false)]);
    }
  });
});
