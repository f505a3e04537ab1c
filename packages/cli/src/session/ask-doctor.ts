import { withDeadline } from "@waybill/base";
import { loadFromLdap, migrationServiceClass } from "@waybill/directory";
import { type EvidenceMode, predict, type StartKind } from "@waybill/doctor";
import { escapeServiceName } from "@waybill/kdc";
import { escapeFilterValue } from "@waybill/ldap";
import { connectDirectory } from "./connect-directory.ts";
import { currentLogin } from "./login.ts";
import { profileOf } from "./open-directory.ts";
import { readWorkstation } from "./workstation.ts";

/** One refused move, as the person tried it. */
export interface RefusedMove {
  readonly from: string;
  readonly to: string;
  readonly start: StartKind;
  readonly evidence: EvidenceMode;
}

/** Nobody waits longer than this for a word that is a help and no more. */
const patience = 3000;

/**
 * The doctor's sentence about one refused move, read from the directory with the person's own ticket; `undefined` when
 * the directory does not answer in time, or has nothing to say against the move.
 */
export async function askDoctor(refused: RefusedMove): Promise<string | undefined> {
  try {
    return await withDeadline(
      { what: "the doctor's answer", timeout: patience },
      async (signal) => await examine(refused, signal),
    );
  } catch {
    return undefined;
  }
}

async function examine(
  { from, to, start, evidence }: RefusedMove,
  signal: AbortSignal,
): Promise<string | undefined> {
  const workstation = readWorkstation();
  const tgt = await currentLogin(workstation);
  const person = tgt.client.components[0] ?? "";
  const [source, destination] = [workstation.fullName(from), workstation.fullName(to)];
  const ldap = await connectDirectory(tgt, workstation, { signal, timeout: patience });
  try {
    const profile = await profileOf(ldap);
    const { directory: view } = await loadFromLdap(ldap, {
      signal,
      filter: relevantAccounts(person, source, destination),
    });
    const prediction = predict({
      view,
      profile,
      person,
      source,
      destination,
      start,
      evidence,
      spellings: ["full"],
    });
    return prediction.works ? undefined : prediction.sentence;
  } finally {
    ldap.close();
  }
}

/** Filter for the accounts one move rests on, whoever else may own the destination's name, and the groups. */
export function relevantAccounts(person: string, source: string, destination: string): string {
  const names = [person, "krbtgt"].map((name) => `(sAMAccountName=${escapeFilterValue(name)})`);
  const hosts = [source, destination].map((name) => `(dNSHostName=${escapeFilterValue(name)})`);
  const service = `${migrationServiceClass}/${destination}`;
  // Samba's KDC looks up the second spelling, so whoever else owns that one counts too.
  const owners = [service, escapeServiceName(service)].map(
    (spelling) => `(servicePrincipalName=${escapeFilterValue(spelling)})`,
  );
  return `(|${[...names, ...hosts, ...owners].join("")}(objectClass=group)(objectClass=domainDNS))`;
}
