import { utf8 } from "@waybill/base";
import { loadFromLdif, MemoryDirectory, migrationServiceClass } from "@waybill/directory";
import { examine, PredictionMatrix } from "@waybill/doctor";

export interface DoctorFigures {
  readonly loadSeconds: number;
  readonly examineSeconds: number;
  /** Largest resident set of the process, in MiB. */
  readonly memory: number;
  readonly findings: number;
}

const sid = "S-1-5-21-1-2-3";

/** An export of many people and hosts, in pieces as a file's stream gives them. */
function* ldifExport(accounts: number, hosts: number, entries: number): Generator<Uint8Array> {
  yield utf8(`dn: DC=lab,DC=test\nobjectClass: domainDNS\nobjectSid: ${sid}\nmsDS-Behavior-Version: 7\n\n`);
  const account = (name: string, rid: number, classes: string, uac: number, more: string): Uint8Array =>
    utf8(
      `dn: CN=${name.replace("$", "")},OU=all,DC=lab,DC=test\nobjectClass: ${classes}\nsAMAccountName: ${name}\n` +
        `objectSid: ${sid}-${rid}\nuserAccountControl: ${uac}\nprimaryGroupID: ${classes === "computer" ? 515 : 513}\n` +
        `pwdLastSet: 133700000000000000\naccountExpires: 0\n${more}\n`,
    );
  yield account("krbtgt", 502, "user", 514, "");
  const perHost = Math.floor(entries / hosts);
  for (let index = 0; index < hosts; index++) {
    const name = `hv${index}`;
    const lines = [`dNSHostName: ${name}.lab.test`];
    for (const service of ["HOST", "WSMAN", migrationServiceClass])
      lines.push(
        `servicePrincipalName: ${service}/${name}`,
        `servicePrincipalName: ${service}/${name}.lab.test`,
      );
    for (let entry = 0; entry < perHost; entry++) {
      const target = `hv${(index + 1 + Math.floor(entry / 4)) % hosts}${entry % 2 === 0 ? "" : ".lab.test"}`;
      lines.push(`msDS-AllowedToDelegateTo: ${entry % 4 < 2 ? migrationServiceClass : "cifs"}/${target}`);
    }
    yield account(`${name.toUpperCase()}$`, 2000 + index, "computer", 4096, `${lines.join("\n")}\n`);
  }
  for (let index = 0; index < accounts - hosts - 1; index++)
    yield account(`user${index}`, 10_000 + index, "user", 66_048, "");
}

/** Reads an export and looks it over. */
export async function benchExamination(
  accounts = 100_000,
  hosts = 500,
  entries = 2000,
): Promise<DoctorFigures> {
  const began = performance.now();
  const { directory, problems } = await loadFromLdif(ldifExport(accounts, hosts, entries));
  const loaded = performance.now();
  const people = Array.from({ length: 20 }, (_, index) => `user${index}`);
  const report = examine({ view: directory, problems, people, evidence: "s4u2self" });
  const done = performance.now();
  return {
    loadSeconds: (loaded - began) / 1000,
    examineSeconds: (done - loaded) / 1000,
    memory: process.resourceUsage().maxRSS / 1024,
    findings: report.findings.length,
  };
}

/** Predicts every person × source × destination; the seconds it takes, and how many cells. */
export function benchPredictions(
  hosts = 1000,
  people = 50,
): { readonly seconds: number; readonly cells: number } {
  const directory = new MemoryDirectory({ realm: "LAB.TEST" });
  const names = Array.from({ length: hosts }, (_, index) => `HV${index}`);
  directory.change((editor) => {
    for (const name of names) editor.createComputer({ name, migration: true });
    for (let index = 0; index < people; index++)
      editor.createUser({ name: `user${index}`, password: "Passw0rd!", sensitive: index % 10 === 0 });
    for (const [index, name] of names.entries()) {
      const to = names
        .filter((other, at) => other !== name && (at + index) % 3 !== 0)
        .flatMap((other) =>
          [other, `${other.toLowerCase()}.lab.test`].map((host) => `${migrationServiceClass}/${host}`),
        );
      editor.setDelegation(name, { to, protocol: index % 2 === 0 ? "any" : "kerberos" });
    }
  });
  const persons = Array.from({ length: people }, (_, index) => `user${index}`);
  const began = performance.now();
  const matrix = new PredictionMatrix({
    view: directory,
    people: persons,
    sources: names,
    evidence: "s4u2self",
  });
  let cells = 0;
  let works = 0;
  matrix.forEach((_person, _source, _destination, code) => {
    cells++;
    if (code === 0) works++;
  });
  if (works === 0) throw new RangeError("nothing works in this set");
  return { seconds: (performance.now() - began) / 1000, cells };
}
