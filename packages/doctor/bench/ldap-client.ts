import { loadFromLdap } from "@waybill/directory";
import { examine } from "@waybill/doctor";
import { LdapClient } from "@waybill/ldap";

// What `waybill doctor` does over LDAP, for the bench. Argument: the socket's path.
const [, , path = ""] = process.argv;
const client = await LdapClient.connect({ url: `ldapi://${encodeURIComponent(path)}` });
await client.bindSimple("LAB\\reader", "Passw0rd!");
const { directory, problems } = await loadFromLdap(client);
const report = examine({ view: directory, problems });
console.log(`${report.hosts.length} hosts, ${report.findings.length} findings`);
client.close();
