/** What one client, and all of them together, may take. Times in milliseconds, sizes in bytes. */
export interface LdapServerLimits {
  /** All connections. A newcomer above it takes the place of the longest idle one. */
  readonly maxConnections: number;
  /** From one client address; a newcomer above it is turned away. Unix sockets do not count. */
  readonly maxConnectionsPerPeer: number;
  /** Operations under way on one connection; the next ones wait unread. */
  readonly maxOperations: number;
  /** Paged searches one connection may leave open; the oldest is dropped. */
  readonly maxPagedSearches: number;
  readonly maxMessageSize: number;
  /** The same before a successful bind. */
  readonly maxAnonymousMessageSize: number;
  /** Entries one unpaged search, or one page, may return. */
  readonly maxEntries: number;
  /** Values of one attribute in one answer; the rest is asked for by range, as AD's MaxValRange has it. */
  readonly maxValues: number;
  /** Entries that may be sorted on the server. */
  readonly maxSortedEntries: number;
  /** Longest run of one search. */
  readonly searchTimeout: number;
  /** Silence after which a connection with an identity is closed. */
  readonly idleTimeout: number;
  /** The same for anonymous ones, counted from the last request, and for TLS handshakes. */
  readonly anonymousIdleTimeout: number;
  /** A client that takes none of the answers sent to it is cut off after this long. */
  readonly writeTimeout: number;
}

export const defaultLimits: LdapServerLimits = {
  maxConnections: 2000,
  maxConnectionsPerPeer: 500,
  maxOperations: 32,
  maxPagedSearches: 10,
  maxMessageSize: 10 * 1024 * 1024,
  maxAnonymousMessageSize: 256 * 1024,
  maxEntries: 1000,
  maxValues: 1500,
  maxSortedEntries: 10_000,
  searchTimeout: 120_000,
  idleTimeout: 900_000,
  anonymousIdleTimeout: 60_000,
  writeTimeout: 60_000,
};
