import type { Domain } from "../model/domain.ts";
import { WellKnownRid, WellKnownSid } from "../model/well-known.ts";
import { AttributeGuid, ClassGuid, ExtendedRight, PropertySet } from "../schema/guids.ts";
import {
  AccessMask,
  type Ace,
  AceType,
  fullControl,
  type SecurityDescriptor,
} from "../security/security-descriptor.ts";

const read =
  AccessMask.readProperty | AccessMask.listContents | AccessMask.listObject | AccessMask.readControl;

/** What holds for an object that has no descriptor of its own: close to the schema's defaultSecurityDescriptor. */
export function defaultDescriptor(classes: readonly string[], domain: Domain): SecurityDescriptor {
  const admins = `${domain.sid}-${WellKnownRid.domainAdmins}`;
  const kinds = new Set(classes.map((name) => name.toLowerCase()));
  const aces: Ace[] = [
    allow(admins, fullControl),
    allow(WellKnownSid.administrators, fullControl),
    allow(WellKnownSid.system, fullControl),
  ];
  if (kinds.has("computer") || kinds.has("user")) {
    aces.push(
      allow(WellKnownSid.accountOperators, fullControl),
      allow(WellKnownSid.everyone, AccessMask.controlAccess, ExtendedRight.changePassword),
      allow(WellKnownSid.self, AccessMask.writeProperty, PropertySet.personalInformation),
    );
  }
  if (kinds.has("computer")) {
    aces.push(
      allow(WellKnownSid.self, AccessMask.selfWrite, AttributeGuid.serviceprincipalname),
      allow(WellKnownSid.self, AccessMask.selfWrite, AttributeGuid.dnshostname),
      allow(WellKnownSid.self, AccessMask.writeProperty, AttributeGuid["msds-supportedencryptiontypes"]),
      // A computer may say who acts for others towards it, as AD lets it.
      allow(
        WellKnownSid.self,
        AccessMask.writeProperty,
        AttributeGuid["msds-allowedtoactonbehalfofotheridentity"],
      ),
    );
  }
  if (kinds.has("group")) aces.push(allow(WellKnownSid.accountOperators, fullControl));
  if (kinds.has("container") || kinds.has("organizationalunit")) {
    const children = AccessMask.createChild | AccessMask.deleteChild;
    for (const name of ["user", "computer", "group"])
      aces.push(allow(WellKnownSid.accountOperators, children, ClassGuid[name]));
  }
  aces.push(allow(WellKnownSid.authenticatedUsers, read));
  return { control: 0, owner: admins, group: admins, dacl: { revision: 4, aces } };
}

function allow(sid: string, mask: number, objectType?: string): Ace {
  return objectType === undefined
    ? { type: AceType.accessAllowed, flags: 0, mask, sid }
    : { type: AceType.accessAllowedObject, flags: 0, mask, sid, objectType };
}
