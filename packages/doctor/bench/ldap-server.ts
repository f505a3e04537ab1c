import { createReadStream } from "node:fs";
import { DirectoryLdapBackend, loadFromLdif } from "@waybill/directory";
import { LdapServer } from "@waybill/ldap";

// A domain controller's LDAP for the bench, in a process of its own. Arguments: the export, the socket's path.
const [, , file = "", path = ""] = process.argv;
const { directory } = await loadFromLdif(createReadStream(file, { highWaterMark: 1 << 18 }));
directory.createUser({ name: "reader", password: "Passw0rd!" });
const server = new LdapServer({
  backend: new DirectoryLdapBackend({ directory, dnsHostName: "dc1.lab.test" }),
});
await server.listen({ path });
console.log("ready");
process.on("SIGTERM", () => void server.stop(100).then(() => process.exit(0)));
