import type { Change, DirectoryFact, Reason } from "@waybill/kdc";
import type { MigrationService, NameSpelling } from "../model/service-names.ts";

/** Where the person sits who starts the migration. */
export type StartKind =
  /** Signed in on the source host itself. */
  | "at-source"
  /** At a workstation that talks to the source host. */
  | "remote"
  /** At a browser or console, through a server that talks to the source host for the person. */
  | "via-management-server";

/** What the source host shows to the KDC to act for the person. */
export type EvidenceMode =
  /** The person's own service ticket: Waybill hosts, Windows Server 2012 R2. */
  | "ticket"
  /** A ticket the host made by S4U2Self: Windows Server 2016 and later. */
  | "s4u2self";

export type ExchangeKind = "login" | "service-ticket" | "host-login" | "s4u2self" | "s4u2proxy";

/** One request to the KDC and what it answers. */
export interface Exchange {
  readonly kind: ExchangeKind;
  /** sAMAccountName of who asks. */
  readonly by: string;
  /** In whose name the ticket is, by sAMAccountName. */
  readonly client: string;
  /** The service asked for. */
  readonly service: string;
  readonly decision: "granted" | "refused";
  /** Names of flags of the ticket that matter here. */
  readonly flags: readonly "forwardable"[];
  readonly via?: "classic" | "resource-based" | undefined;
  /** Name of the KRB-ERROR code, and the NTSTATUS that goes with it. */
  readonly errorCode?: string | undefined;
  readonly ntStatus?: string | undefined;
  /** Why it is refused, or why the ticket lacks a flag. The decisive reason first. */
  readonly reasons: readonly Reason[];
  readonly uncertain: readonly DirectoryFact[];
  /** Of S4U2Proxy to the destination. */
  readonly target?: { readonly service: MigrationService; readonly spelling: NameSpelling } | undefined;
}

export type Outcome =
  | "works"
  /** Works when the destination is named in one way, fails in the other: short or full. */
  | "depends-on-name"
  | "fails";

/** The whole story of one migration: who asks for what, what the KDC decides and why. */
export interface Prediction {
  readonly person: string;
  readonly source: string;
  readonly destination: string;
  readonly start: StartKind;
  readonly evidence: EvidenceMode;
  readonly managementServer?: string | undefined;
  readonly services: readonly MigrationService[];
  /** Name of the KDC profile. */
  readonly profile: string;
  readonly outcome: Outcome;
  /** `outcome` is "works". */
  readonly works: boolean;
  readonly exchanges: readonly Exchange[];
  /** The reason everything else follows from; `undefined` when it works. */
  readonly reason?: Reason | undefined;
  /** One sentence: what happens and why. */
  readonly sentence: string;
  /** Changes each of which may lift the decisive reason, the least far-reaching first. */
  readonly lifts: readonly Change[];
  /** What the destination sees: S-1-18-1 (the person proved identity) or S-1-18-2 (a service asserted it). */
  readonly identity: "proved" | "asserted";
  /** What the prediction rests on but could not be read. */
  readonly uncertain: readonly DirectoryFact[];
}
