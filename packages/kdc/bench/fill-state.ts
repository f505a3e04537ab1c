import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { EncType, encodeKeytab, type KeytabEntry, NameType } from "@waybill/kerberos";
import { createControllerState } from "../src/index.ts";

/**
 * Writes the state of a domain controller with so many users, whose keys are random, and the keytabs of some of them, evenly
 * spread, and of a middle tier that may delegate. Prints a line that starts with `ready`.
 */
const [dir = ".", count = "1000"] = process.argv.slice(2);
const realm = "LAB.TEST";
const users = Number(count);
const sampled = Math.min(users, 2000);
const perTransaction = 20_000;
const directory = createControllerState(join(dir, "state"), {
  realm,
  administratorPassword: randomBytes(12).toString("base64"),
});
const entries: KeytabEntry[] = [];
const setAt = Date.now();
const filetime = String((BigInt(setAt) + 11_644_473_600_000n) * 10_000n);
for (let start = 0; start < users; start += perTransaction) {
  directory.change((editor) => {
    for (let index = start; index < Math.min(users, start + perTransaction); index++) {
      const name = `user${index}`;
      const key = { keytype: EncType.aes256CtsHmacSha1, keyvalue: Uint8Array.from(randomBytes(32)) };
      editor.add(
        `CN=${name},CN=Users,${directory.domain.dn}`,
        {
          objectClass: "user",
          sAMAccountName: name,
          sAMAccountType: "805306368",
          objectSid: editor.newSid(),
          userPrincipalName: `${name}@lab.test`,
          userAccountControl: "512",
          primaryGroupID: "513",
          accountExpires: "0",
          pwdLastSet: filetime,
        },
        [{ kvno: 1, setAt, keys: [key] }],
      );
      if (index % Math.floor(users / sampled) === 0 && entries.length < sampled) {
        const principal = { realm, nameType: NameType.principal, components: [name] };
        entries.push({ principal, kvno: 1, timestamp: setAt, key });
      }
    }
  });
}
directory.createComputer({ name: "WEB", spns: ["HTTP/web.lab.test"] });
directory.createComputer({ name: "FILE", spns: ["cifs/file.lab.test"] });
directory.setDelegation("WEB$", { to: ["cifs/file.lab.test"], protocol: "any" });
const web = directory.bySam("WEB$");
const [keySet] = web?.keySets ?? [];
writeFileSync(join(dir, "users.keytab"), encodeKeytab({ entries }), { mode: 0o600 });
const principal = { realm, nameType: NameType.principal, components: ["WEB$"] };
const services = (keySet?.keys ?? []).map((key) => ({
  principal,
  kvno: keySet?.kvno ?? 1,
  timestamp: setAt,
  key,
}));
writeFileSync(join(dir, "services.keytab"), encodeKeytab({ entries: services }), { mode: 0o600 });
await directory.close();
process.stdout.write("ready\n");
