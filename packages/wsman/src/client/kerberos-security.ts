import { type Credential, createInitiator } from "@waybill/kerberos";
import { WsmanError } from "../errors.ts";
import type { HttpAuthScheme } from "../framing/encrypted-message.ts";
import type { ClientSecurity, InitiatorContext } from "./client-security.ts";

export interface KerberosSecurityOptions {
  /** Gets a ticket for the host's management service (`WSMAN/<host>`, also `HTTP/<host>`); asked for each connection. */
  readonly ticketSource: (signal?: AbortSignal) => Promise<Credential>;
  /** `Negotiate` (SPNEGO) is what every service takes; `Kerberos` sends the bare AP-REQ. Default `Negotiate`. */
  readonly scheme?: HttpAuthScheme | undefined;
  /** GSS flags asked for; mutual authentication, sequencing and confidentiality by default. */
  readonly flags?: number | undefined;
  /** Gets a forwarded ticket-granting ticket to give to the service: unconstrained delegation, off unless given. */
  readonly delegateSource?: ((signal?: AbortSignal) => Promise<Credential>) | undefined;
}

/**
 * Authenticates a `WsmanClient` with Kerberos.
 *
 * @example
 * ```ts
 * const security = kerberosSecurity({ ticketSource: (signal) => kerberos.getTicket({ tgt, server }, { signal }) });
 * const client = new WsmanClient({ host: "kvm01.lab.test", security });
 * ```
 */
export function kerberosSecurity(options: KerberosSecurityOptions): ClientSecurity {
  const { ticketSource, delegateSource, flags } = options;
  const scheme = options.scheme ?? "Negotiate";
  return {
    scheme,
    createContext: async (signal, channelBindings): Promise<InitiatorContext> => {
      const mechanism = scheme === "Negotiate" ? "spnego" : "krb5";
      const delegate = await delegateSource?.(signal);
      const initiator = createInitiator({ ticketSource, flags, delegate, mechanism, channelBindings });
      await initiator.prepare(signal);
      const established = () => {
        if (initiator.context?.confidentiality === true) return initiator.context;
        throw new WsmanError("the security context does not seal messages", {
          code: "WSMAN_CONFIDENTIALITY_MISSING",
          family: "peer",
        });
      };
      return {
        step: (token) => initiator.step(token),
        wrapWithHeader: (plain) => established().wrapWithHeader(plain),
        unwrapWithHeader: (header, payload) => established().unwrapWithHeader(header, payload),
      };
    },
  };
}
