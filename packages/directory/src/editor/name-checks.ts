import { DirectoryError } from "../errors.ts";
import { parseSpn, spnKey } from "../model/spn.ts";
import type { DirectoryReader } from "../reader/directory-reader.ts";

/** @throws DirectoryError NAME_TAKEN, BAD_NAME */
export function assertNameFree(reader: DirectoryReader, samAccountName: string, own?: number): void {
  if (samAccountName === "" || samAccountName.length > 256 || /["/\\[\]:;|=,+*?<>\0]/.test(samAccountName)) {
    throw new DirectoryError(`"${samAccountName.slice(0, 60)}" cannot be an account name`, {
      code: "BAD_NAME",
      family: "caller",
      remedy: 'Leave out the characters " / \\ [ ] : ; | = , + * ? < >.',
    });
  }
  const taken = reader.store.find("samaccountname", samAccountName.toLowerCase()).find((id) => id !== own);
  if (taken === undefined) return;
  throw new DirectoryError(`the account name ${samAccountName} is taken by ${reader.dnOf(taken)}`, {
    code: "NAME_TAKEN",
    family: "caller",
    facts: { name: samAccountName, owner: reader.dnOf(taken) },
    remedy: "Choose another name, or change the account that has it.",
  });
}

/** SPNs are unique in the forest: MS-ADTS section 3.1.1.5.1.3. @throws DirectoryError SPN_TAKEN, BAD_VALUE */
export function assertSpnFree(reader: DirectoryReader, spn: string, own: number | undefined): void {
  if (parseSpn(spn) === undefined) {
    throw new DirectoryError(`"${spn.slice(0, 120)}" is no service principal name`, {
      code: "BAD_VALUE",
      family: "caller",
      remedy: "Write it as class/host, for instance HOST/kvm01.lab.test.",
    });
  }
  const taken = reader.store.find("serviceprincipalname", spnKey(spn)).find((id) => id !== own);
  if (taken === undefined) return;
  throw new DirectoryError(`the service name ${spn} belongs to ${reader.dnOf(taken)}`, {
    code: "SPN_TAKEN",
    family: "caller",
    facts: { spn, owner: reader.dnOf(taken) },
    remedy: "Remove it there first; two owners would make both unreachable.",
  });
}

/** UPNs are unique in the forest. @throws DirectoryError UPN_TAKEN */
export function assertUpnFree(reader: DirectoryReader, upn: string, own: number | undefined): void {
  const taken = reader.store.find("userprincipalname", upn.toLowerCase()).find((id) => id !== own);
  if (taken === undefined) return;
  throw new DirectoryError(`the user principal name ${upn} belongs to ${reader.dnOf(taken)}`, {
    code: "UPN_TAKEN",
    family: "caller",
    facts: { upn, owner: reader.dnOf(taken) },
    remedy: "Choose another name, or take it from that account first.",
  });
}
