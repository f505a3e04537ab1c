import { UserAccountControl, type UserAccountControlFlag } from "@waybill/directory";
import { escapeServiceName } from "@waybill/kdc";
import {
  type DelegationChange,
  type DirectoryChange,
  labComputerSpns,
  labComputers,
  labPeople,
  listedServices,
  usualSettings,
} from "../lab-domain.ts";

/** One change to Samba's directory; `packages/cli/samba/directory.py` carries it out. */
export type SambaOperation =
  | { op: "add"; dn: string; attributes: Readonly<Record<string, string | readonly string[]>> }
  | { op: "modify"; name: string; attributes: Readonly<Record<string, string | readonly string[]>> }
  | { op: "values"; name: string; attribute: string; add?: readonly string[]; remove?: readonly string[] }
  | { op: "flags"; name: string; set: number; clear: number }
  | { op: "member"; group: string; names: readonly string[]; member: boolean }
  | { op: "allow"; name: string; from: readonly string[] }
  | { op: "keytab"; file: string; principal: string }
  | { op: "sid"; name: string };

/** Every name with a space in both spellings: people read the plain one, Samba's KDC looks up the escaped one. */
export function bothSpellings(spns: readonly string[]): string[] {
  return [...new Set(spns.flatMap((spn) => [spn, escapeServiceName(spn)]))];
}

/** A computer's name as the directory has it. */
export function sambaName(name: string): string {
  return (labComputers as readonly string[]).includes(name) ? `${name}$` : name;
}

export function sambaComputerSpns(name: string): string[] {
  return bothSpellings(labComputerSpns(name));
}

/** A scenario's change, as Samba needs it. */
export function sambaOperations(change: DirectoryChange): SambaOperation[] {
  const each = <T>(
    record: Readonly<Record<string, T>> | undefined,
    make: (name: string, value: T) => SambaOperation[],
  ): SambaOperation[] =>
    Object.entries(record ?? {}).flatMap(([name, value]) => make(sambaName(name), value));
  const spns = (name: string, key: "add" | "remove", names: readonly string[]): SambaOperation[] => [
    { op: "values", name, attribute: "servicePrincipalName", [key]: bothSpellings(names) },
  ];
  return [
    ...each(change.delegation, delegationOperations),
    ...each(change.flags, (name, flags) => [flagOperation(name, flags)]),
    ...each(change.removeSpn, (name, names) => spns(name, "remove", names)),
    ...each(change.addSpn, (name, names) => spns(name, "add", names)),
    ...each(change.attributes, (name, attributes) => [{ op: "modify", name, attributes }]),
    ...each(change.leaveGroup, (group, names) => [{ op: "member", group, names, member: false }]),
    ...each(change.joinGroup, (group, names) => [{ op: "member", group, names, member: true }]),
  ];
}

/** What takes back every change a scenario may make. */
export function resetOperations(): SambaOperation[] {
  const settled = { trustedToAuthForDelegation: false, trustedForDelegation: false, notDelegated: false };
  return [
    ...labComputers.flatMap((name): SambaOperation[] => [
      {
        op: "modify",
        name: `${name}$`,
        attributes: {
          "msDS-AllowedToDelegateTo": [],
          "msDS-AllowedToActOnBehalfOfOtherIdentity": [],
          "msDS-SupportedEncryptionTypes": aesOnly,
          servicePrincipalName: sambaComputerSpns(name),
        },
      },
      flagOperation(`${name}$`, { ...settled, accountDisable: false }),
    ]),
    flagOperation("krbtgt", { notDelegated: false }),
    ...Object.entries(labPeople).map(([name, { sensitive = false }]) =>
      flagOperation(name, { notDelegated: sensitive, accountDisable: false }),
    ),
    ...sambaOperations(usualSettings),
  ];
}

/** msDS-SupportedEncryptionTypes AES-128 and AES-256: without it Samba makes RC4 tickets. */
export const aesOnly = "24";

function delegationOperations(name: string, change: DelegationChange): SambaOperation[] {
  const { protocol, from } = change;
  const list = listedServices(change);
  return [
    ...(list === undefined
      ? []
      : [{ op: "modify" as const, name, attributes: { "msDS-AllowedToDelegateTo": bothSpellings(list) } }]),
    ...(protocol === undefined
      ? []
      : [flagOperation(name, { trustedToAuthForDelegation: protocol === "any" })]),
    ...(from === undefined ? [] : [{ op: "allow" as const, name, from: from.map(sambaName) }]),
  ];
}

function flagOperation(name: string, flags: Readonly<Record<string, boolean>>): SambaOperation {
  let set = 0;
  let clear = 0;
  for (const [flag, on] of Object.entries(flags)) {
    const bit = UserAccountControl[flag as UserAccountControlFlag];
    if (on) set |= bit;
    else clear |= bit;
  }
  return { op: "flags", name, set, clear };
}
