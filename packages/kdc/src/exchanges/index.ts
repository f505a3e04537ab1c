export { accountStateOf, type PasswordWriter, passwordsOf } from "./account-writers.ts";
export { canonicalName } from "./as-exchange.ts";
export { responseTooBig } from "./error-reply.ts";
export { Kdc, type KdcOptions } from "./kdc.ts";
export type { AccountStateWriter, KdcContext, KdcEvent, KdcSettings, RequestContext } from "./kdc-context.ts";
export { PasswordService, type PasswordServiceOptions } from "./password-change.ts";
export { KdcRefusal } from "./refusal.ts";
