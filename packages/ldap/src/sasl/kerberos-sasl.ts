import {
  type AcceptorOptions,
  type Credential,
  createAcceptor,
  createInitiator,
  GssFlags,
  type SecurityContext,
} from "@waybill/kerberos";
import type { HandshakeRequest, SaslBindOptions } from "../client/client-options.ts";
import type { AcceptRequest } from "../server/authenticator.ts";
import type { SaslMechanism } from "./mechanism.ts";
import type { SecurityHandshake } from "./security-context.ts";

export interface KerberosBindOptions {
  /** GSS-SPNEGO unless told; GSSAPI for servers that know nothing of Microsoft. */
  readonly mechanism?: SaslMechanism;
  /** Gets a service ticket, such as `ldap/dc1.lab.test` for the components `["ldap", "dc1.lab.test"]`. */
  getTicket(service: readonly [string, string], signal: AbortSignal | undefined): Promise<Credential>;
}

/**
 * What `LdapClient.bindSasl` needs to authenticate with Kerberos. The context is bound to the TLS connection, if there
 * is one.
 *
 * @example
 * await client.bindSasl(kerberosBind({
 *   getTicket: ([service, host], signal) =>
 *     kerberos.getTicket({ tgt, server: parsePrincipal(`${service}/${host}@LAB.TEST`) }, { signal }),
 * }));
 */
export function kerberosBind(options: KerberosBindOptions): Pick<SaslBindOptions, "mechanism" | "begin"> {
  const mechanism = options.mechanism ?? "GSS-SPNEGO";
  return {
    mechanism,
    begin: async (request) => {
      const credential = await options.getTicket(["ldap", request.host], request.signal);
      const { channelBinding } = request;
      return createInitiator({
        credential,
        mechanism: mechanism === "GSSAPI" ? "krb5" : "spnego",
        flags: contextFlags(mechanism, request),
        ...(channelBinding === undefined ? {} : { channelBindings: { applicationData: channelBinding } }),
      });
    },
  };
}

/** With GSSAPI even a bind without protection needs integrity, for the layer negotiation itself. */
function contextFlags(mechanism: SaslMechanism, { integrity, confidentiality }: HandshakeRequest): number {
  return (
    GssFlags.mutual |
    GssFlags.replay |
    GssFlags.sequence |
    (integrity || mechanism === "GSSAPI" ? GssFlags.integrity : 0) |
    (confidentiality ? GssFlags.confidentiality : 0)
  );
}

/**
 * What `LdapServer` needs as `accept` to authenticate with Kerberos. Backends then see whole Kerberos contexts, with
 * ticket and PAC, in `bindSasl`.
 *
 * @param options keytab and replay cache of the account that holds `ldap/…`; with `requireChannelBindings`, binds inside
 *   TLS must be bound to it.
 */
export function acceptKerberos(
  options: Omit<AcceptorOptions, "channelBindings">,
): (request: AcceptRequest) => SecurityHandshake<SecurityContext> {
  return ({ mechanism, channelBindings }) => {
    const insideTls = channelBindings.length > 0;
    return createAcceptor({
      ...options,
      mechanism: mechanism === "GSSAPI" ? "krb5" : "spnego",
      requireChannelBindings: insideTls && options.requireChannelBindings === true,
      ...(insideTls
        ? { channelBindings: channelBindings.map((applicationData) => ({ applicationData })) }
        : {}),
    });
  };
}
