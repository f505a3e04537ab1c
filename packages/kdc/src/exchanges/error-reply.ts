import type { EpochMs } from "@waybill/base";
import {
  ErrorCode,
  KerbErrorData,
  KrbError,
  kerbErrTypeExtended,
  MethodData,
  MsgType,
  NameType,
  type PaData,
  PaType,
  type PrincipalName,
} from "@waybill/kerberos";
import type { Conversation } from "./conversation.ts";
import { fastCookie, sealFastError } from "./fast.ts";

export interface ErrorReplyParts {
  readonly errorCode: number;
  readonly now: EpochMs;
  readonly realm: string;
  readonly sname?: PrincipalName | undefined;
  readonly eData?: Uint8Array | undefined;
}

/** KRB-ERROR with what Active Directory puts into it: neither times nor names of the client, no text. */
export function encodeError(parts: ErrorReplyParts): Uint8Array {
  return KrbError.encode({
    pvno: 5,
    msgType: MsgType.krbError,
    stime: parts.now,
    susec: (Math.floor(parts.now) % 1000) * 1000,
    errorCode: parts.errorCode,
    realm: parts.realm,
    sname: parts.sname ?? { nameType: NameType.srvInst, nameString: ["krbtgt", parts.realm] },
    eData: parts.eData,
  });
}

/** KERB_EXT_ERROR: the NTSTATUS, four reserved bytes, and flags that say that it counts. MS-KILE section 2.2.2. */
export function extendedError(ntStatus: number): Uint8Array {
  const value = new Uint8Array(12);
  const view = new DataView(value.buffer);
  view.setUint32(0, ntStatus, true);
  view.setUint32(8, 3, true);
  return value;
}

export interface RefusalParts {
  readonly errorCode: number;
  readonly ntStatus?: number | undefined;
  readonly methodData?: readonly PaData[] | undefined;
}

/** The answer to a refused request, inside FAST when the request was: RFC 6113 section 5.4.4. */
export function refusalReply(
  refusal: RefusalParts,
  conversation: Conversation,
  realm: string,
  now: EpochMs,
): Uint8Array {
  const { errorCode } = refusal;
  const base = { errorCode, realm, now, sname: conversation.sname };
  if (conversation.fast === undefined) {
    return encodeError({ ...base, eData: plainErrorData(refusal, conversation.exchange) });
  }
  const padata: PaData[] = [
    { padataType: PaType.fxError, padataValue: encodeError(base) },
    fastCookie,
    ...(refusal.methodData ?? []),
    ...(conversation.pacOptions === undefined
      ? []
      : [{ padataType: PaType.pacOptions, padataValue: conversation.pacOptions }]),
  ];
  if (refusal.ntStatus !== undefined && conversation.exchange === "as") {
    padata.push({ padataType: PaType.pwSalt, padataValue: extendedError(refusal.ntStatus) });
  }
  const sealed = sealFastError(conversation.fast, padata, conversation.nonce);
  return encodeError({ ...base, eData: MethodData.encode([sealed]) });
}

/** METHOD-DATA in the AS exchange, KERB-ERROR-DATA in the TGS exchange: MS-KILE section 2.2.2. */
function plainErrorData(refusal: RefusalParts, exchange: Conversation["exchange"]): Uint8Array | undefined {
  const { ntStatus, methodData } = refusal;
  if (exchange === "as") {
    const list = [...(methodData ?? [])];
    if (ntStatus !== undefined)
      list.push({ padataType: PaType.pwSalt, padataValue: extendedError(ntStatus) });
    return list.length === 0 ? undefined : MethodData.encode(list);
  }
  if (ntStatus === undefined) return undefined;
  return KerbErrorData.encode({ dataType: kerbErrTypeExtended, dataValue: extendedError(ntStatus) });
}

/** Sent over UDP instead of an answer that is too long for a datagram: RFC 4120 section 7.2.1. */
export function responseTooBig(realm: string, now: EpochMs): Uint8Array {
  return encodeError({ errorCode: ErrorCode.KRB_ERR_RESPONSE_TOO_BIG, realm, now });
}
