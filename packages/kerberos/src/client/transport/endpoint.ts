import type { KdcService } from "../exchange.ts";

/** How to reach one KDC. `any` means UDP and TCP on the same port. */
export interface KdcEndpoint {
  readonly protocol: "udp" | "tcp" | "any" | "https";
  readonly host: string;
  readonly port: number;
  /** Path of a KDC proxy (MS-KKDCP). Default: `/KdcProxy`. */
  readonly path?: string | undefined;
}

/** Where a realm's KDCs are, best first. */
export interface KdcLocator {
  locate(realm: string, service: KdcService, signal?: AbortSignal): Promise<readonly KdcEndpoint[]>;
}

/** The ports of RFC 4120 section 7.2 and RFC 3244, where configuration and DNS name none. */
export const defaultPort: Readonly<Record<KdcService, number>> = { kdc: 88, kpasswd: 464 };
