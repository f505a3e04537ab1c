import { WellKnownSid } from "../model/well-known.ts";
import {
  AceType,
  encodeSecurityDescriptor,
  fullControl,
  type SecurityDescriptor,
} from "./security-descriptor.ts";

/** The descriptor Windows tools write into msDS-AllowedToActOnBehalfOfOtherIdentity: full control for each SID. */
export function actOnBehalfDescriptor(sids: readonly string[]): Uint8Array {
  const descriptor: SecurityDescriptor = {
    control: 0,
    owner: WellKnownSid.administrators,
    dacl: {
      revision: 4,
      aces: sids.map((sid) => ({ type: AceType.accessAllowed, flags: 0, mask: fullControl, sid })),
    },
  };
  return encodeSecurityDescriptor(descriptor);
}
