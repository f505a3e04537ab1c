/**
 * Makes a keytab from a computer account's password, shows what it holds and logs in with it.
 *
 *   echo "$PASSWORD" | npx tsx keytab.ts new.keytab 'KVM01$' LAB.TEST 1
 */
import { text } from "node:stream/consumers";
import {
  configuredClient,
  entriesFromPassword,
  formatEncType,
  formatPrincipal,
  loadKrb5Conf,
  mergeKeytabs,
  parsePrincipal,
  updateKeytab,
} from "@waybill/kerberos";

const [file = "", accountName = "", realm = "", kvno = "1"] = process.argv.slice(2);
const host = `${accountName.replace("$", "").toLowerCase()}.${realm.toLowerCase()}`;
const entries = entriesFromPassword({
  principals: [`${accountName}@${realm}`, `host/${host}@${realm}`].map((name) => parsePrincipal(name)),
  password: (await text(process.stdin)).trim(),
  kvno: Number(kvno),
  // Decides the salt: Active Directory's computers have one of their own kind.
  account: { kind: "computer", accountName },
  timestamp: Date.now(),
});
const keytab = await updateKeytab(file, (old) => mergeKeytabs(old, { entries }));
for (const { principal, kvno: version, key } of keytab.entries)
  console.log(version, formatPrincipal(principal), formatEncType(key.keytype));

const client = configuredClient(loadKrb5Conf(process.env.KRB5_CONFIG));
const tgt = await client.login({ principal: parsePrincipal(`${accountName}@${realm}`), keytab });
console.log("logged in until", new Date(tgt.endTime).toISOString());
