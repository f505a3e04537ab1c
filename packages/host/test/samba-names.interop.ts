import { rmSync } from "node:fs";
import { configuredClient, loadKrb5Conf, parsePrincipal, readKeytab } from "@waybill/kerberos";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sambaComputer, sambaUser } from "../../kerberos/test/support/samba-accounts.ts";
import { SambaDomain } from "../../kerberos/test/support/samba-domain.ts";
import { directoryNames } from "../src/authorization/directory-names.ts";

let samba: SambaDomain;
beforeAll(async () => {
  samba = await SambaDomain.start({
    seed: [
      ...sambaUser("lab.test", { name: "alice" }),
      ...sambaComputer("lab.test", { name: "KVM01" }),
      {
        op: "add",
        dn: "CN=Operators of machines,CN=Users",
        attributes: { objectClass: "group", sAMAccountName: "VM Operators" },
      },
    ],
  });
});
afterAll(async () => await samba?.stop());

test("Samba AD says who the names of an access list are, to the host's own ticket", async () => {
  const client = configuredClient(loadKrb5Conf(samba.krb5Conf));
  const file = await samba.exportKeytab("KVM01$");
  const keytab = await readKeytab(file);
  rmSync(file);
  const lookup = directoryNames({
    realm: samba.realm,
    controller: { address: samba.address, port: 389, name: `dc1.${samba.domain}` },
    getTicket: async (server, signal) => {
      const tgt = await client.login(
        { principal: parsePrincipal(`KVM01$@${samba.realm}`), keytab },
        { signal },
      );
      return await client.getTicket({ tgt, server }, { signal });
    },
  });
  const found = await lookup([
    "VM Operators",
    "LAB\\vm operators",
    "Alice@lab.test",
    "Domain Admins",
    "Nobody",
  ]);
  expect([...found.keys()].toSorted()).toEqual([
    "alice@lab.test",
    "domain admins",
    "lab\\vm operators",
    "vm operators",
  ]);
  expect(found.get("vm operators")).toBe(found.get("lab\\vm operators"));
  expect(found.get("domain admins")).toMatch(/^S-1-5-21-\d+-\d+-\d+-512$/);
});
