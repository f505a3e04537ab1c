import type { EpochMs } from "@waybill/base";
import type { EncryptionKey } from "../messages/basic.ts";
import type { Principal } from "../principal.ts";

/** A host address (RFC 4120 section 5.2.5) or an authorization data element (section 5.2.6). */
export interface CacheTypedData {
  readonly type: number;
  readonly data: Uint8Array;
}

/** A credential as caches keep it: the ticket is the encoded Ticket, all times are whole seconds. */
export interface CachedCredential {
  readonly client: Principal;
  readonly server: Principal;
  /** The session key. */
  readonly key: EncryptionKey;
  readonly authTime: EpochMs;
  readonly startTime?: EpochMs | undefined;
  readonly endTime: EpochMs;
  readonly renewTill?: EpochMs | undefined;
  /** Whether the ticket is under another ticket's session key (user-to-user). */
  readonly isSessionKey: boolean;
  /** `TicketFlags` */
  readonly flags: number;
  readonly addresses: readonly CacheTypedData[];
  readonly authorizationData: readonly CacheTypedData[];
  readonly ticket: Uint8Array;
  readonly secondTicket: Uint8Array;
}

/** Something a cache remembers beside its tickets: `fast_avail`, `pa_type`, `proxy_impersonator`, `start_realm`. */
export interface CacheConfigEntry {
  readonly name: string;
  /** The principal it is about, as text. */
  readonly about?: string | undefined;
  readonly value: Uint8Array;
}

/** All that a cache holds. */
export interface CacheContents {
  /** Whose credentials they are. */
  readonly principal: Principal;
  readonly credentials: readonly CachedCredential[];
  readonly config: readonly CacheConfigEntry[];
  /** What to add to our clock to get the KDC's, in milliseconds. */
  readonly kdcOffset?: number | undefined;
}

/** Adds a credential. One of the same client, server and session key type that it replaces is left out. */
export function withCredential(contents: CacheContents, added: CachedCredential): CacheContents {
  return { ...contents, credentials: latestCredentials([...contents.credentials, added]) };
}

/** Without those that a later one of the same client, server and session key type replaces. */
export function latestCredentials(all: readonly CachedCredential[]): CachedCredential[] {
  const latest = new Map<unknown, CachedCredential>();
  for (const credential of all) {
    const key = identity(credential);
    latest.delete(key);
    latest.set(key, credential);
  }
  return [...latest.values()];
}

/** What two credentials have in common when one replaces the other. */
function identity(credential: CachedCredential): unknown {
  const { client, server, key, isSessionKey, authorizationData, secondTicket } = credential;
  if (authorizationData.length + secondTicket.length > 0) return credential;
  const names = [client, server].map(({ realm, components }) => [realm, ...components]);
  return JSON.stringify([...names, key.keytype, isSessionKey]);
}
