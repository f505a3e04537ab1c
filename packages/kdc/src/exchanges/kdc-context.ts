import type { Clock, EpochMs, Logger, Random } from "@waybill/base";
import type { Account, DirectoryView } from "@waybill/directory";
import type { KdcProfile } from "../policy/index.ts";
import type { PacSource } from "./pac-content.ts";
import type { ReplayCache } from "./replay-cache.ts";
import type { TicketMemory } from "./ticket-memory.ts";

/** Where a request came from. */
export interface RequestContext {
  /** Address of the client, without port; a name of its own in memory. */
  readonly clientAddress: string;
  readonly transport: "udp" | "tcp" | "https" | "memory";
}

/** What the KDC writes: small, and never needed to answer. */
export interface AccountStateWriter {
  /** A wrong password: counts towards the lockout. */
  badPassword(account: Account, at: EpochMs): void;
  /** A right one: clears the count. Called only when there is something to clear or a logon to note. */
  goodPassword(account: Account, at: EpochMs): void;
}

/** What KDC administrators may set; everything else is a matter of the directory. */
export interface KdcSettings {
  /** Refuses TGS requests whose authenticator does not cover the body. AD accepts them; some tools need that. */
  readonly requireBodyChecksum: boolean;
  /** Offers and accepts FAST: RFC 6113. */
  readonly fast: boolean;
}

export const defaultKdcSettings: KdcSettings = { requireBodyChecksum: false, fast: true };

/** An outcome of one request, for the log and for counters. */
export interface KdcEvent {
  readonly exchange: "as" | "tgs" | "s4u2self" | "s4u2proxy" | "kpasswd" | "unknown";
  readonly outcome: "issued" | "refused" | "retransmission" | "dropped";
  /** Why it was refused. */
  readonly reason?: string | undefined;
  readonly errorCode?: number | undefined;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** All that an exchange works with. */
export interface KdcContext {
  readonly directory: DirectoryView;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly settings: KdcSettings;
  readonly profile: KdcProfile;
  readonly replays: ReplayCache;
  readonly tickets: TicketMemory;
  readonly pacs: PacSource;
  readonly accountState: AccountStateWriter | undefined;
}
