import { toHex } from "@waybill/base";
import { decrypt } from "../crypto/encrypt.ts";
import { KerberosError } from "../errors.ts";
import type { EncryptionKey } from "../messages/basic.ts";
import { EncTicketPart, type Ticket } from "../messages/ticket.ts";
import { decodePac, type Pac } from "../pac/pac.ts";
import { verifyServerSignature } from "../pac/pac-signature.ts";
import { extractTicketPac } from "../pac/ticket-pac.ts";
import { formatPrincipal, type Principal, samePrincipal, toPrincipal } from "../principal.ts";
import { KeyUsage } from "../registry/key-usage.ts";
import { decoding, GssError } from "./gss-error.ts";

/** A service's long-term keys, as a keytab holds them. */
export interface ServiceKeys {
  readonly entries: readonly {
    readonly principal: Principal;
    readonly kvno: number;
    readonly key: EncryptionKey;
  }[];
}

/** A ticket as the service it is for sees it. */
export interface OpenedTicket {
  readonly part: EncTicketPart;
  /** Whose ticket it is. */
  readonly client: Principal;
  /** When the ticket has one: its server signature was verified. */
  readonly pac: Pac | undefined;
}

/**
 * Reads a ticket with the service's own keys: whose it is, how long it lives, and the PAC with the person's groups. What
 * connections bring is accepted by `createAcceptor`, which also checks times and replays; this is for tickets one holds.
 *
 * @example
 * const evidence = await client.s4u2self({ tgt, user: parsePrincipal("alice@LAB.TEST") });
 * const { pac } = readTicket(evidence.ticket, keytab);
 *
 * @throws GssError KRB_AP_ERR_NOKEY, KRB_AP_ERR_BADKEYVER, KRB_AP_ERR_MODIFIED, GSS_DEFECTIVE_TOKEN; PacError
 */
export function readTicket(ticket: Ticket, keytab: ServiceKeys): OpenedTicket {
  const { bytes, key } = openTicket(ticket, { keytab });
  const part = decoding("EncTicketPart", () => EncTicketPart.decode(bytes));
  const encoded = extractTicketPac(bytes);
  const pac = encoded && decodePac(encoded);
  if (pac !== undefined) verifyServerSignature(pac, key);
  return { part, client: toPrincipal(part.crealm, part.cname), pac };
}

/** Which keys may open a ticket. */
export interface OpenTicketOptions {
  readonly keytab: ServiceKeys;
  /** Only this principal's. Default: any, by whatever name. */
  readonly principal?: Principal | undefined;
}

/**
 * Opens a ticket with whichever key fits. The name on a ticket is not protected and services have aliases that
 * keytabs do not list, so it only decides what is tried first.
 */
export function openTicket(
  ticket: Ticket,
  options: OpenTicketOptions,
): { bytes: Uint8Array; key: EncryptionKey } {
  const { etype, kvno, cipher } = ticket.encPart;
  const server = toPrincipal(ticket.realm, ticket.sname);
  const name = formatPrincipal(server, { display: true });
  const wanted = options.principal;
  const own = options.keytab.entries.filter(
    ({ principal, key }) =>
      key.keytype === etype && (wanted === undefined || samePrincipal(principal, wanted)),
  );
  const rank = (entry: ServiceKeys["entries"][number]): number =>
    (samePrincipal(entry.principal, server) ? 2 : 0) + (entry.kvno === kvno ? 1 : 0);
  const tried = new Set<string>();
  for (const { key } of own.toSorted((left, right) => rank(right) - rank(left))) {
    const fingerprint = toHex(key.keyvalue);
    if (tried.has(fingerprint)) continue;
    tried.add(fingerprint);
    try {
      return { bytes: decrypt(key, KeyUsage.ticket, cipher), key };
    } catch (error) {
      if (!(error instanceof KerberosError)) throw error;
    }
  }
  const facts = { server: name, enctype: etype, ...(kvno === undefined ? {} : { kvno }) };
  if (own.length === 0) {
    throw new GssError(
      "KRB_AP_ERR_NOKEY",
      `the keytab holds no key of encryption type ${etype} for ${name}`,
      {
        family: "environment",
        facts,
        remedy: "Export the service's current keys of every encryption type into its keytab.",
      },
    );
  }
  const versions = own.filter((entry) => rank(entry) >= 2).map((entry) => entry.kvno);
  if (kvno !== undefined && versions.length > 0 && !versions.includes(kvno)) {
    throw new GssError(
      "KRB_AP_ERR_BADKEYVER",
      `the ticket for ${name} needs key version ${kvno}; the keytab has ${versions.join(", ")}`,
      {
        family: "environment",
        facts,
        remedy:
          "The account's password changed after the keytab was made, or the client holds an old ticket: export the keytab again, or let the client get new tickets.",
      },
    );
  }
  throw new GssError("KRB_AP_ERR_MODIFIED", `no key in the keytab opens the ticket for ${name}`, {
    facts,
    remedy:
      "The name belongs to another account in the directory, or the account's password changed: compare `setspn -Q` and the keytab.",
  });
}
