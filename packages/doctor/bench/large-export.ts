import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { migrationServiceClass } from "@waybill/directory";
import { parseSid } from "@waybill/kerberos";

export interface Size {
  readonly accounts: number;
  readonly hosts: number;
  /** msDS-AllowedToDelegateTo values in all. */
  readonly entries: number;
}

const base = "DC=lab,DC=test";
const domainSid = "S-1-5-21-1004336348-1177238915-682003330";
const groups = 200;

/** Writes what ldapsearch gives of a domain of some size: some thirty attributes each, SIDs and GUIDs in base64. */
export async function writeLargeExport(file: string, size: Size): Promise<void> {
  const out = createWriteStream(file, { highWaterMark: 1 << 20 });
  for (const record of records(size)) if (!out.write(record)) await once(out, "drain");
  out.end();
  await once(out, "finish");
}

function* records({ accounts, hosts, entries }: Size): Generator<string> {
  yield `dn: ${base}\nobjectClass: top\nobjectClass: domain\nobjectClass: domainDNS\nobjectSid:: ${sidText(domainSid)}\nmsDS-Behavior-Version: 7\n\n`;
  for (const name of ["Users", "Computers", "Builtin"])
    yield `dn: CN=${name},${base}\nobjectClass: top\nobjectClass: container\ncn: ${name}\n\n`;
  yield account("krbtgt", 502, 514, "Users", "");
  const people = Array.from({ length: accounts - hosts - 1 }, (_, index) => `user${index}`);
  const operators = people.slice(0, 20).map((name) => `member: CN=${name},CN=Users,${base}\n`);
  yield `dn: CN=Hyper-V Administrators,CN=Builtin,${base}\nobjectClass: top\nobjectClass: group\nobjectSid:: ${sidText("S-1-5-32-578")}\nsAMAccountName: Hyper-V Administrators\ngroupType: -2147483643\n${operators.join("")}\n`;
  for (let group = 0; group < groups; group++) {
    const members = people.filter((_, index) => index % groups === group);
    yield `dn: CN=group${group},CN=Users,${base}\nobjectClass: top\nobjectClass: group\nobjectSid:: ${sidText(`${domainSid}-${500_000 + group}`)}\nsAMAccountName: group${group}\ngroupType: -2147483646\n${members.map((name) => `member: CN=${name},CN=Users,${base}\n`).join("")}\n`;
  }
  for (let index = 0; index < hosts; index++) {
    const name = `hv${index}`;
    const lines = [`dNSHostName: ${name}.lab.test`, "operatingSystem: Windows Server 2022 Datacenter"];
    for (const service of ["HOST", "WSMAN", migrationServiceClass])
      lines.push(
        `servicePrincipalName: ${service}/${name}`,
        `servicePrincipalName: ${service}/${name}.lab.test`,
      );
    for (let entry = 0; entry < entries / hosts; entry++) {
      const target = `hv${(index + 1 + Math.floor(entry / 4)) % hosts}${entry % 2 === 0 ? "" : ".lab.test"}`;
      lines.push(`msDS-AllowedToDelegateTo: ${entry % 4 < 2 ? migrationServiceClass : "cifs"}/${target}`);
    }
    yield account(`${name.toUpperCase()}$`, 2000 + index, 4096, "Computers", `${lines.join("\n")}\n`);
  }
  for (const [index, name] of people.entries())
    yield account(
      name,
      10_000 + index,
      66_048,
      "Users",
      `memberOf: CN=group${index % groups},CN=Users,${base}\n`,
    );
}

function account(name: string, rid: number, flags: number, container: string, more: string): string {
  const cn = name.replace("$", "");
  const computer = name.endsWith("$");
  const guid = Buffer.alloc(16, `${rid}guid`).toString("base64");
  return `dn: CN=${cn},CN=${container},${base}
objectClass: top
objectClass: person
objectClass: organizationalPerson
objectClass: user
${computer ? "objectClass: computer\n" : ""}cn: ${cn}
sn: ${cn}
givenName: Given
distinguishedName: CN=${cn},CN=${container},${base}
instanceType: 4
whenCreated: 20240101000000.0Z
whenChanged: 20260101000000.0Z
displayName: Given ${cn}
uSNCreated: ${12_000 + rid}
uSNChanged: ${23_000 + rid}
department: Research
company: Example
name: ${cn}
objectGUID:: ${guid}
userAccountControl: ${flags}
badPwdCount: 0
codePage: 0
countryCode: 0
badPasswordTime: 0
lastLogoff: 0
lastLogon: 13430000${rid}0000000
pwdLastSet: ${134_300_000_000_000_000n + BigInt(rid)}
primaryGroupID: ${computer ? 515 : 513}
objectSid:: ${sidText(`${domainSid}-${rid}`)}
accountExpires: 9223372036854775807
logonCount: 12
sAMAccountName: ${name}
sAMAccountType: ${computer ? 805_306_369 : 805_306_368}
userPrincipalName: ${cn}@lab.test
objectCategory: CN=Person,CN=Schema,CN=Configuration,${base}
dSCorePropagationData: 16010101000000.0Z
lastLogonTimestamp: 134300000000000000
mail: ${cn}@lab.test
${more}
`;
}

function sidText(sid: string): string {
  return Buffer.from(parseSid(sid)).toString("base64");
}
