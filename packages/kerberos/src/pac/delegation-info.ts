import { NdrReader } from "./ndr-reader.ts";
import { NdrWriter } from "./ndr-writer.ts";

/** S4U_DELEGATION_INFO, [MS-PAC] 2.9: which services acted for the person on the way to this ticket. */
export interface DelegationInfo {
  /** The service principal name S4U2Proxy asked for. */
  readonly proxyTarget: string;
  /** The delegating services, first to last, as `name@REALM`. */
  readonly transitedServices: readonly string[];
}

/** Reads buffer 11. @throws PacError PAC_MALFORMED */
export function decodeDelegationInfo(bytes: Uint8Array): DelegationInfo {
  const r = new NdrReader(bytes, "S4U_DELEGATION_INFO");
  r.header();
  const target = r.stringHead("S4U2proxyTarget");
  const count = r.uint32("TransitedListSize");
  const hasServices = r.pointer("S4UTransitedServices");
  const proxyTarget = r.stringBody(target);
  if (!hasServices) return { proxyTarget, transitedServices: [] };
  r.arrayOf(count, 8, "S4UTransitedServices");
  const heads = Array.from({ length: count }, () => r.stringHead("S4UTransitedServices"));
  return { proxyTarget, transitedServices: heads.map((head) => r.stringBody(head)) };
}

/** Writes buffer 11. @throws PacError PAC_INVALID_VALUE */
export function encodeDelegationInfo(info: DelegationInfo): Uint8Array {
  const w = new NdrWriter();
  w.header();
  w.stringHead(info.proxyTarget);
  w.uint32(info.transitedServices.length);
  w.pointer(info.transitedServices.length > 0);
  w.stringBody(info.proxyTarget);
  if (info.transitedServices.length > 0) {
    w.uint32(info.transitedServices.length);
    for (const service of info.transitedServices) w.stringHead(service);
    for (const service of info.transitedServices) w.stringBody(service);
  }
  return w.finish();
}
