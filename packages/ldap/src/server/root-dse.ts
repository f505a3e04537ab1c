import { LdapEntry } from "../entry.ts";
import { ExtensionOid } from "../registry/oids.ts";
import type { SecurityContext } from "../sasl/security-context.ts";
import { mechanisms } from "./authenticator.ts";
import type { LdapSession } from "./backend.ts";
import type { ConnectionServices } from "./client-connection.ts";
import { supportedControls } from "./request-context.ts";
import { textAttribute } from "./select-attributes.ts";

/** What the server is able to do, RFC 4512 section 5.1, and what the backend adds about the directory. */
export async function readRootDse<Identity, Context extends SecurityContext>(
  services: ConnectionServices<Identity, Context>,
  session: LdapSession<Identity>,
): Promise<LdapEntry> {
  const { backend, accept, startTls } = services;
  const extensions = [...(startTls === undefined ? [] : [ExtensionOid.startTls]), ExtensionOid.whoAmI];
  return new LdapEntry("", [
    textAttribute("objectClass", "top"),
    textAttribute("supportedLDAPVersion", "3"),
    textAttribute("supportedControl", ...supportedControls),
    textAttribute("supportedExtension", ...extensions),
    ...(accept === undefined ? [] : [textAttribute("supportedSASLMechanisms", ...mechanisms)]),
    ...(await backend.rootDse(session)),
  ]);
}
