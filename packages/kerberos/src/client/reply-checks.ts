import { KerberosError } from "../errors.ts";
import type { EncKdcRepPart, KdcRep } from "../messages/kdc-rep.ts";
import type { KdcReqBody } from "../messages/kdc-req.ts";
import { isTicketGrantingService, type Principal, samePrincipal, toPrincipal } from "../principal.ts";
import { KdcOptions } from "../registry/flags.ts";
import type { Credential, CredentialOrigin } from "./credential.ts";
import { shown } from "./shown.ts";

/** A reply that is not what was asked for: somebody changed it, or the KDC is broken. */
export function modified(what: string, facts: Readonly<Record<string, string | number>> = {}): KerberosError {
  return new KerberosError(`the KDC's reply does not fit the request: ${what}`, {
    code: "KDC_REPLY_MODIFIED",
    facts,
    remedy:
      "Check that the address really is a KDC of the realm, and that nothing on the way changes messages.",
  });
}

/** RFC 4120 sections 3.1.5 and 3.3.4: what every reply must agree on. */
export function checkReply(
  rep: KdcRep,
  enc: EncKdcRepPart,
  body: KdcReqBody,
  msgType: number,
  requested: Principal,
): void {
  if (rep.pvno !== 5 || rep.msgType !== msgType)
    throw modified("its protocol version or message type is wrong");
  if (enc.nonce !== body.nonce) throw modified("its nonce is another one");
  const ticketServer = toPrincipal(rep.ticket.realm, rep.ticket.sname);
  const server = toPrincipal(enc.srealm, enc.sname);
  if (!samePrincipal(ticketServer, server)) {
    throw modified("the ticket names another service than the encrypted part", {
      ticket: shown(ticketServer),
      encryptedPart: shown(server),
    });
  }
  checkServer(server, requested, body.kdcOptions);
  // A request without a limit says the year 1970.
  if (body.till > 0 && enc.endtime > body.till) throw modified("the ticket lives longer than asked for");
  const latest = Math.max(body.rtime ?? 0, body.till);
  if (
    latest > 0 &&
    enc.renewTill !== undefined &&
    enc.renewTill > latest &&
    (body.kdcOptions & KdcOptions.renew) === 0
  ) {
    throw modified("the ticket is renewable for longer than asked for");
  }
  if ((enc.starttime ?? enc.authtime) > enc.endtime) throw modified("the ticket ends before it begins");
}

function checkServer(server: Principal, requested: Principal, kdcOptions: number): void {
  if (samePrincipal(server, requested)) return;
  if ((kdcOptions & KdcOptions.canonicalize) !== 0) return;
  if (isTicketGrantingService(server) && isTicketGrantingService(requested)) return;
  throw modified("it holds a ticket to another service", { asked: shown(requested), got: shown(server) });
}

/** The credential a checked reply makes. */
export function toCredential(rep: KdcRep, enc: EncKdcRepPart, origin: CredentialOrigin): Credential {
  return {
    client: toPrincipal(rep.crealm, rep.cname),
    server: toPrincipal(enc.srealm, enc.sname),
    ticket: rep.ticket,
    key: enc.key,
    flags: enc.flags,
    authTime: enc.authtime,
    startTime: enc.starttime,
    endTime: enc.endtime,
    renewTill: enc.renewTill,
    addresses: enc.caddr,
    origin,
  };
}
