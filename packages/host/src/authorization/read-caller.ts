import { allSids, type Credential, GroupAttributes, type SecurityContext } from "@waybill/kerberos";
import { HostError, Hresult } from "../errors.ts";
import { assertedBy, type Caller } from "./caller.ts";

/**
 * The caller of an accepted context, from the PAC that the KDC signed.
 *
 * @throws HostError `NO_PAC` when the ticket carries none: then nothing is known but a name, which grants nothing.
 */
export function readCaller(context: SecurityContext): Caller {
  const { pac, peerName } = context;
  const info = pac?.logonInfo;
  if (pac === undefined || info === undefined) {
    throw new HostError(`the ticket of ${peerName} says nothing about groups (it has no PAC)`, {
      code: "NO_PAC",
      family: "peer",
      hresult: Hresult.accessDenied,
      remedy: "Clear NO_AUTH_DATA_REQUIRED on this host's account, and use a KDC that issues PACs.",
    });
  }
  const granted = allSids(info).filter(({ attributes }) => (attributes & GroupAttributes.enabled) !== 0);
  const sids = new Set(granted.map(({ sid }) => sid));
  return {
    principal: peerName,
    sids,
    assertedBy: assertedBy(sids),
    transitedServices: pac.delegationInfo?.transitedServices ?? [],
  };
}

/** The caller's own service ticket as a credential that S4U2Proxy takes as evidence. */
export function evidenceTicket(context: SecurityContext): Credential | undefined {
  const { evidence } = context;
  if (evidence === undefined) return undefined;
  const { ticket, encTicketPart, flags, sessionKey } = evidence;
  return {
    client: context.peer,
    server: context.local,
    ticket,
    key: sessionKey,
    flags,
    authTime: encTicketPart.authtime,
    startTime: encTicketPart.starttime,
    endTime: encTicketPart.endtime,
  };
}
