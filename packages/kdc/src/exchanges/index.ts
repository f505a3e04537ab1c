export { canonicalName } from "./as-exchange.ts";
export { responseTooBig } from "./error-reply.ts";
export { Kdc, type KdcOptions } from "./kdc.ts";
export type { AccountStateWriter, KdcContext, KdcEvent, KdcSettings, RequestContext } from "./kdc-context.ts";
export { KdcRefusal } from "./refusal.ts";
