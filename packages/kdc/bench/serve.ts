import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeKeytab } from "@waybill/kerberos";
import { createTestDomain } from "../src/testing/index.ts";

/**
 * A KDC in a process of its own, to be measured from outside: 100 users, a middle tier that may delegate, two
 * services. Writes krb5.conf and keytabs into the directory given, then prints a line with its process id.
 */
const [dir = ".", host = "127.0.0.1", port = "8888"] = process.argv.slice(2);
const users = Array.from({ length: 100 }, (_, index) => `user${index}`);
const domain = await createTestDomain({
  users,
  computers: [
    { name: "WEB", spns: ["HTTP/web.lab.test"] },
    { name: "FILE", spns: ["cifs/file.lab.test", "cifs/other.lab.test"] },
  ],
  delegation: { WEB: { to: ["cifs/file.lab.test"], protocol: "any" } },
  sockets: { host, port: Number(port), maxDatagram: 0 },
  keepEvents: false,
});
const keytab = (names: readonly string[]): Uint8Array =>
  encodeKeytab({ entries: names.flatMap((name) => domain.keytab(name).entries) });
writeFileSync(join(dir, "users.keytab"), keytab(users), { mode: 0o600 });
writeFileSync(join(dir, "services.keytab"), keytab(["WEB$", "FILE$"]), { mode: 0o600 });
writeFileSync(
  join(dir, "krb5.conf"),
  `[libdefaults]\n default_realm = LAB.TEST\n dns_lookup_kdc = false\n[realms]\n LAB.TEST = {\n  kdc = ${host}:${port}\n }\n`,
);
process.stdout.write(`ready ${process.pid}\n`);
process.once("SIGTERM", () => void domain.close());
