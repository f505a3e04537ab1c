import { createReadStream, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "@waybill/base";
import { DirectoryLdapBackend, loadFromLdif } from "@waybill/directory";
import { accountStateOf, exportKeytab, Kdc, startKdcServer } from "@waybill/kdc";
import { MemoryReplayCache } from "@waybill/kerberos";
import { acceptKerberos, LdapServer } from "@waybill/ldap";

// A domain controller for the bench, in a process of its own. Arguments: the export, and a folder into which it writes
// what a workstation needs (krb5.conf, workstation.yaml, a password).
const [, , file = "", folder = ""] = process.argv;
const name = "dc1.lab.test";
const password = "Passw0rd!";
const { directory } = await loadFromLdif(createReadStream(file, { highWaterMark: 1 << 18 }));
directory.setPassword("krbtgt", password);
directory.createUser({ name: "reader", password });
const controller = directory.createComputer({ name: "DC1", password, spns: [`ldap/${name}`] });
const kdc = new Kdc({ directory, clock: systemClock, accountState: accountStateOf(directory) });
const kdcServer = await startKdcServer({ kdc, port: 0 });
const ldap = new LdapServer({
  backend: new DirectoryLdapBackend({ directory, dnsHostName: name }),
  accept: acceptKerberos({
    keytab: exportKeytab(directory, controller.sid),
    replayCache: new MemoryReplayCache(),
    clock: systemClock,
  }),
});
const port = await ldap.listen({ host: "127.0.0.1", port: 0 });
writeFileSync(
  join(folder, "krb5.conf"),
  `[libdefaults]\n default_realm = LAB.TEST\n dns_lookup_kdc = false\n[realms]\n LAB.TEST = {\n  kdc = 127.0.0.1:${kdcServer.port}\n }\n`,
);
writeFileSync(join(folder, "workstation.yaml"), `ldap: {address: 127.0.0.1, port: ${port}, name: ${name}}\n`);
writeFileSync(join(folder, "password"), password, { mode: 0o600 });
console.log("ready");
process.on("SIGTERM", () => {
  void Promise.all([ldap.stop(100), kdcServer.close()]).then(() => process.exit(0));
});
