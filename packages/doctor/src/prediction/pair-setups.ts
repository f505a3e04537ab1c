import {
  AccessMask,
  type Account,
  AceFlags,
  AceType,
  accessCheck,
  decodeSecurityDescriptor,
  expandGeneric,
} from "@waybill/directory";
import { escapeServiceName, serviceDecision, serviceEncTypes, targetPacDecision } from "@waybill/kdc";
import { defaultEncTypes } from "@waybill/kerberos";
import type { TargetName } from "../model/service-names.ts";
import type { PredictionContext } from "./facts.ts";

/**
 * By source and destination, a number that says how the pair is set up: digits in base 7, one for each of the
 * destination's names, after a leading 1; 0 where both are one host. Pairs with the same number fare alike.
 */
export function pairSetups(
  { view, profile }: Pick<PredictionContext, "view" | "profile">,
  sources: readonly Account[],
  destinations: readonly Account[],
  targets: readonly (readonly TargetName[])[],
): Uint16Array {
  const names = targets.map((ofHost) =>
    ofHost.map(({ spn }) => {
      const found = serviceDecision(view, spn, profile);
      const usable =
        found.allowed &&
        serviceEncTypes(found.account, view.domain, defaultEncTypes, profile).allowed &&
        targetPacDecision(found.account, profile).allowed;
      const plain = spn.toLowerCase();
      return {
        plain,
        seen: profile.escapedServiceNames ? escapeServiceName(plain) : plain,
        grants: usable ? grantTest(found.account) : undefined,
      };
    }),
  );
  const table = new Uint16Array(sources.length * destinations.length);
  for (const [row, source] of sources.entries()) {
    const list = new Set(source.allowedToDelegateTo.map((spn) => spn.toLowerCase()));
    const token = view.tokenSids(source);
    for (let column = 0; column < names.length; column++) {
      if (destinations[column]?.sid === source.sid) continue;
      let setup = 1;
      for (const { plain, seen, grants } of names[column] ?? []) {
        let digit = 0;
        if (grants !== undefined) {
          const spelling = list.has(seen) ? 2 : list.has(plain) ? 1 : 0;
          digit = 1 + 2 * spelling + (grants(token) ? 1 : 0);
        }
        setup = setup * 7 + digit;
      }
      table[row * names.length + column] = setup;
    }
  }
  return table;
}

const nobody = (): boolean => false;

/** Tells whether a token may act towards an account; simple descriptors are turned into a set of SIDs. */
function grantTest({ allowedToActOnBehalfOf }: Account): (token: readonly string[]) => boolean {
  if (allowedToActOnBehalfOf === undefined) return nobody;
  let parsed: ReturnType<typeof decodeSecurityDescriptor>;
  try {
    parsed = decodeSecurityDescriptor(allowedToActOnBehalfOf);
  } catch {
    return nobody;
  }
  const { dacl } = parsed;
  if (dacl === undefined) return nobody;
  const simple = dacl.aces.every(
    ({ type, flags }) => type === AceType.accessAllowed && (flags & AceFlags.inheritOnly) === 0,
  );
  if (!simple) return (token) => accessCheck(parsed, token, AccessMask.controlAccess);
  const granted = new Set(
    dacl.aces
      .filter(({ mask }) => (expandGeneric(mask) & AccessMask.controlAccess) !== 0)
      .map(({ sid }) => sid),
  );
  return (token) => token.some((sid) => granted.has(sid));
}
