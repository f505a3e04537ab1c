import type { Credential } from "../client/credential.ts";
import { Ticket } from "../messages/ticket.ts";
import type { CachedCredential } from "./cache-contents.ts";

/** A held credential as caches keep it. */
export function toCachedCredential(credential: Credential): CachedCredential {
  const { client, server, key, flags, authTime, startTime, endTime, renewTill, addresses, ticket } =
    credential;
  return {
    client,
    server,
    key,
    flags,
    authTime,
    startTime,
    endTime,
    renewTill,
    isSessionKey: false,
    addresses: (addresses ?? []).map(({ addrType, address }) => ({ type: addrType, data: address })),
    authorizationData: [],
    ticket: Ticket.encode(ticket),
    secondTicket: new Uint8Array(0),
  };
}

/**
 * A cached credential ready for use.
 *
 * @throws Asn1Error when the cached ticket is not one
 */
export function fromCachedCredential(cached: CachedCredential): Credential {
  const { client, server, key, flags, authTime, startTime, endTime, renewTill, addresses, ticket } = cached;
  return {
    client,
    server,
    key,
    flags,
    authTime,
    startTime,
    endTime,
    renewTill,
    ...(addresses.length === 0
      ? {}
      : { addresses: addresses.map(({ type, data }) => ({ addrType: type, address: data })) }),
    ticket: Ticket.decode(ticket),
  };
}
