import type { Account } from "@waybill/directory";
import { type LogonInfo, type Pac, PacType } from "@waybill/kerberos";
import {
  foreignClientDecision,
  isForeignSidAllowed,
  requestorDecision,
  serviceTgtDecision,
  serviceTgtSignatureDecision,
  tgsClientDecision,
} from "../policy/index.ts";
import type { OpenedApRequest } from "./ap-request.ts";
import type { KdcContext } from "./kdc-context.ts";
import { findClient, nameText } from "./names.ts";
import { serverSignature, serviceTicketSignatures, worst } from "./pac-signatures.ts";
import { granted, KdcRefusal } from "./refusal.ts";
import type { TicketHolder } from "./ticket-holder.ts";
import type { OpenedTicket } from "./ticket-pac.ts";
import { decodeTransited } from "./transited-realms.ts";

/** Whose ticket was shown, and the ticket as far as it is believed. */
export interface TicketClient {
  /** `undefined`: a client of another realm. */
  readonly account: Account | undefined;
  readonly ticket: OpenedTicket;
}

/** Checks that a ticket is genuine and that its client may still use it. @throws KdcRefusal */
export function clientOfTicket({ ticket, holder }: OpenedApRequest, context: KdcContext): TicketClient {
  switch (holder.kind) {
    case "krbtgt":
      return { account: checkOwnTgt(ticket, context), ticket };
    case "service":
      return { account: checkServiceTicket(ticket, context), ticket };
    case "trust":
      return { account: undefined, ticket: checkForeignTgt(ticket, holder, context) };
  }
}

/** The PAC is genuine and names the account that the ticket's client name stands for: CVE-2021-42287. */
function checkOwnTgt(tgt: OpenedTicket, context: KdcContext): Account {
  const { profile } = context;
  const { pac } = tgt;
  const client = accountOf(tgt, context);
  granted(serviceTgtDecision(client, pac === undefined ? "absent" : "present", profile));
  if (pac !== undefined) {
    const signature = serverSignature(tgt);
    const present = pac.buffer(PacType.kdcChecksum) === undefined ? "missing" : "valid";
    granted(serviceTgtSignatureDecision(client, worst(signature, present), profile));
    granted(requestorDecision(client, pac.requestor, profile));
  }
  checkAccount(client, tgt, context);
  return client;
}

/** A service knows its own key, so only the KDC's signatures tell a ticket of the KDC from one the service made up. */
function checkServiceTicket(ticket: OpenedTicket, context: KdcContext): Account {
  const client = accountOf(ticket, context);
  const { pacSignatures, ticketSignature } = serviceTicketSignatures(ticket, context.directory.krbtgt);
  // Without a PAC there is nothing to gain: such a ticket the service can make itself.
  if (ticket.pac !== undefined && worst(pacSignatures, ticketSignature) !== "valid") {
    throw new KdcRefusal("KRB_AP_ERR_MODIFIED", "the ticket was not issued by this KDC as it is", {
      reason: "renewed-ticket-forged",
    });
  }
  checkAccount(client, ticket, context);
  return client;
}

function accountOf({ part }: OpenedTicket, { directory }: KdcContext): Account {
  const client = findClient(directory, part.cname, part.crealm);
  if (client !== undefined) return client;
  throw new KdcRefusal("KDC_ERR_TGT_REVOKED", `no account is called ${nameText(part.cname)} any more`, {
    reason: "client-unknown",
  });
}

function checkAccount(account: Account, { part }: OpenedTicket, context: KdcContext): void {
  const { domain } = context.directory;
  const now = context.clock.now();
  const { profile } = context;
  granted(tgsClientDecision({ account, domain, now, profile, tgtAuthTime: part.authtime }));
}

/** @returns the ticket with what is left of its PAC after SID filtering */
function checkForeignTgt(
  ticket: OpenedTicket,
  { trust, realm }: Extract<TicketHolder, { kind: "trust" }>,
  context: KdcContext,
): OpenedTicket {
  const { part, pac } = ticket;
  const { domain } = context.directory;
  const between = decodeTransited(part.transited);
  granted(
    foreignClientDecision({
      domain,
      trust,
      issuer: realm,
      clientRealm: part.crealm,
      transited: between,
      pac: pac === undefined ? "absent" : "present",
      pacSignature: serverSignature(ticket),
      logonDomainSid: pac?.logonInfo?.logonDomainId,
      profile: context.profile,
    }),
  );
  const info = pac?.logonInfo;
  if (pac === undefined || info === undefined || trust.sid === undefined)
    return { ...ticket, pac: undefined, found: {} };
  const allowed = (sid: string): boolean => isForeignSidAllowed(trust, domain, info.logonDomainId, sid);
  return { ...ticket, pac: filtered(pac, info, allowed), found: {} };
}

/** What a PAC from outside may say: who the client is, and its groups there. */
function filtered(pac: Pac, info: LogonInfo, allowed: (sid: string) => boolean): Pac {
  const { resourceGroupDomain } = info;
  const resourceGroups = info.resourceGroups.filter(({ rid }) => allowed(`${resourceGroupDomain}-${rid}`));
  const upnSid = pac.upnDnsInfo?.sid;
  return pac.with({
    logonInfo: {
      ...info,
      extraSids: info.extraSids.filter(({ sid }) => allowed(sid)),
      resourceGroupDomain: resourceGroups.length === 0 ? undefined : resourceGroupDomain,
      resourceGroups,
    },
    ...(upnSid === undefined || allowed(upnSid) ? {} : { upnDnsInfo: undefined }),
    credentials: undefined,
    clientClaims: undefined,
    deviceInfo: undefined,
    deviceClaims: undefined,
  });
}
