import { builtinGroups, WellKnownSid } from "@waybill/directory";
import { joinSid } from "@waybill/kerberos";

/** Names whose SID is the same in every domain, in lower case: no directory is asked for them. */
const wellKnownNames: ReadonlyMap<string, string> = new Map([
  ...builtinGroups.flatMap(({ name, rid }): [string, string][] => {
    const sid = joinSid("S-1-5-32", rid);
    return [
      [name.toLowerCase(), sid],
      [`builtin\\${name.toLowerCase()}`, sid],
    ];
  }),
  ["authenticated users", WellKnownSid.authenticatedUsers],
  ["nt authority\\authenticated users", WellKnownSid.authenticatedUsers],
]);

/** The SID of `BUILTIN\Administrators`, `Hyper-V Administrators`, `Authenticated Users` and their like. */
export function wellKnownSid(name: string): string | undefined {
  return wellKnownNames.get(name.toLowerCase());
}
