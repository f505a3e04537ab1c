export {
  type AcceptApReqOptions,
  type AcceptedApReq,
  acceptApReq,
} from "./accept-ap-req.ts";
export {
  type ChannelBindings,
  hashChannelBindings,
  tlsServerEndPoint,
  tlsServerEndPointOf,
} from "./channel-bindings.ts";
export {
  type Acceptor,
  type CreateInitiatorOptions,
  createAcceptor,
  createInitiator,
  type Initiator,
  type Mechanism,
} from "./context.ts";
export { decodeDelegation, encodeDelegation } from "./delegation.ts";
export { FileReplayCache, type FileReplayCacheOptions } from "./file-replay-cache.ts";
export { GssError, type GssErrorCode } from "./gss-error.ts";
export { defaultGssFlags, GssFlags } from "./gss-flags.ts";
export type { Handshake, StepResult } from "./handshake.ts";
export type { AcceptorOptions } from "./krb5-acceptor.ts";
export type { InitiatorOptions } from "./krb5-initiator.ts";
export { MechanismOid } from "./mechanism-oid.ts";
export { type OpenedTicket, readTicket, type ServiceKeys } from "./open-ticket.ts";
export { MemoryReplayCache, type ReplayCache, type ReplayCacheOptions } from "./replay-cache.ts";
export { type Evidence, type SealedParts, SecurityContext } from "./security-context.ts";
