import { loadFromLdap, type MemoryDirectory } from "@waybill/directory";
import { controllerFindings, surveyControllers } from "@waybill/doctor";
import { afterAll, beforeAll, expect, it } from "vitest";
import { s4uAccounts } from "../../../kerberos/test/support/s4u-accounts.ts";
import { SambaDomain } from "../../../kerberos/test/support/samba-domain.ts";
import { asAdministrator } from "../../../ldap/test/support/domain.ts";
import { SambaSecondController } from "../support/samba-second-controller.ts";

// Two controllers of one Samba domain, the second joined to the first and not replicating until told to.
let domain: SambaDomain;
let second: SambaSecondController;

beforeAll(async () => {
  domain = await SambaDomain.start({ seed: s4uAccounts("lab.test") });
  second = await SambaSecondController.join(domain);
});

afterAll(async () => {
  await second?.stop();
  await domain?.stop();
});

async function findings(): Promise<ReturnType<typeof controllerFindings>> {
  const ldap = await asAdministrator(domain);
  const view: MemoryDirectory = (await loadFromLdap(ldap)).directory;
  ldap.close();
  const accounts = ["KVM01$", "KVM02$", "KVM03$", "KVM07$", "alice", "prot", "krbtgt"].flatMap((name) => {
    const account = view.bySam(name);
    return account === undefined ? [] : [account];
  });
  expect(accounts).toHaveLength(7);
  const controllers = [domain.address, second.address].map((address) => ({
    name: address,
    connect: () => asAdministrator(domain, address),
  }));
  const survey = await surveyControllers({ accounts, controllers });
  expect(survey.controllers.map(({ name, failure }) => [name.toLowerCase(), failure])).toEqual([
    ["dc1.lab.test", undefined],
    ["dc2.lab.test", undefined],
  ]);
  return controllerFindings(view, survey);
}

it("agree after the join, differ after a change on one, and agree when it was replicated", async () => {
  expect(await findings()).toEqual([]);
  await domain.apply([
    { op: "modify", name: "KVM01$", attributes: { userAccountControl: String(0x1001000) } },
    { op: "modify", name: "KVM03$", attributes: { "msDS-AllowedToDelegateTo": ["cifs/kvm02.lab.test"] } },
  ]);
  // Which account is told of first is the directory's own order.
  const found = (await findings()).toSorted((left, right) =>
    (left.evidence[0]?.account ?? "") < (right.evidence[0]?.account ?? "") ? -1 : 1,
  );
  expect(found.map(({ id, evidence }) => [id, evidence[0]?.account, evidence[0]?.attribute])).toEqual([
    ["controllers-differ", "KVM01$", "userAccountControl"],
    ["controllers-differ", "KVM03$", "msDS-AllowedToDelegateTo"],
  ]);
  const [flags, list] = found;
  expect(flags?.cause.toLowerCase()).toContain("the latest value is the one of dc1.lab.test");
  expect(flags?.evidence[0]?.value).toMatch(
    /^16781312 \(.*TRUSTED_TO_AUTH_FOR_DELEGATION\) \[version \d+, changed \d{4}-[\d-]+T[\d:.]+Z on [0-9a-f-]{36}\]$/,
  );
  expect(list?.cause).toContain("nothing besides the 1 in common on");
  expect(list?.remedies[0]?.sambaTool[0]?.toLowerCase()).toBe(
    "samba-tool drs replicate dc2.lab.test dc1.lab.test dc=lab,dc=test",
  );
  await second.replicate();
  expect(await findings()).toEqual([]);
});
