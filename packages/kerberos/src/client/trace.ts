import type { Logger } from "@waybill/base";
import { formatEncType } from "../crypto/index.ts";
import type { KerberosError } from "../errors.ts";
import type { Principal } from "../principal.ts";
import { type Credential, ticketFingerprint } from "./credential.ts";
import { shown } from "./shown.ts";

/**
 * Every point where the client says what it decided, and on what. All of them are here. Names and numbers only:
 * tickets show as fingerprints, keys and passwords not at all.
 */
export const trace = {
  /** How the client is going to prove who it is. */
  proof(log: Logger, client: Principal, proof: "timestamp" | "challenge", etype: number): void {
    log.debug("kerberos.proof", { client: shown(client), proof, etype: formatEncType(etype) });
  },

  clockSkew(log: Logger, realm: string, offset: number): void {
    log.info("kerberos.clock-skew", { realm, offsetMs: offset });
  },

  /** A ticket that passed all checks. */
  ticket(log: Logger, credential: Credential): void {
    const { client, server, origin, flags, key, endTime, ticket } = credential;
    log.debug("kerberos.ticket", {
      client: shown(client),
      server: shown(server),
      origin,
      flags: `0x${flags.toString(16).padStart(8, "0")}`,
      sessionKey: formatEncType(key.keytype),
      endTime: new Date(endTime).toISOString(),
      fingerprint: ticketFingerprint(ticket),
    });
  },

  cached(log: Logger, credential: Credential): void {
    const fingerprint = ticketFingerprint(credential.ticket);
    log.debug("kerberos.cached", { server: shown(credential.server), fingerprint });
  },

  referral(log: Logger, server: Principal, to: string): void {
    log.debug("kerberos.referral", { server: shown(server), to });
  },

  refused(log: Logger, error: KerberosError): void {
    log.debug("kerberos.refused", { code: error.code, ntStatus: error.ntStatus, message: error.message });
  },
} as const;
