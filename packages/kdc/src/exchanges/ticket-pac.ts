import type { KeySet } from "@waybill/directory";
import {
  AdIfRelevant,
  AdType,
  type AuthorizationDataElement,
  decodePac,
  type EncryptionKey,
  EncTicketPart,
  extractTicketPac,
  type Pac,
  pacAuthorizationData,
  signTicketPac,
} from "@waybill/kerberos";
import type { EvidenceFacts, SignatureState } from "../policy/index.ts";

/** A ticket opened by the KDC. */
export interface OpenedTicket {
  readonly part: EncTicketPart;
  /** Its encoding: the ticket signature covers it. */
  readonly bytes: Uint8Array;
  readonly pac: Pac | undefined;
  /** The key it was encrypted in. */
  readonly key: EncryptionKey;
  /** What has been found out about this PAC's signatures. */
  readonly found: SignatureFindings;
}

/** Kept with the ticket and dying with it: values of a WeakMap live on until the next collection of the old. */
export interface SignatureFindings {
  server?: SignatureState;
  /** Holds for as long as the KDC has the same keys. */
  service?: { readonly keySets: readonly KeySet[]; readonly signatures: ServiceTicketSignatures };
}

/** The signatures that a KDC puts on a service ticket. */
export type ServiceTicketSignatures = Pick<EvidenceFacts, "pacSignatures" | "ticketSignature">;

export function readTicketPart(bytes: Uint8Array, key: EncryptionKey): OpenedTicket {
  const part = EncTicketPart.decode(bytes);
  const pac = extractTicketPac(bytes);
  return { part, bytes, key, pac: pac === undefined ? undefined : decodePac(pac), found: {} };
}

/** Authorization data other than a PAC: what a ticket made from another one, or a client's wish, may carry over. */
export function withoutPac(
  list: readonly AuthorizationDataElement[] | undefined,
): AuthorizationDataElement[] {
  return (list ?? []).filter((element) => {
    if (element.adType === AdType.win2kPac) return false;
    if (element.adType !== AdType.ifRelevant) return true;
    return !AdIfRelevant.decode(element.adData).some((inner) => inner.adType === AdType.win2kPac);
  });
}

export interface SealPartOptions {
  readonly pac: Pac | undefined;
  readonly serverKey: EncryptionKey;
  readonly kdcKey: EncryptionKey;
  /** Tickets to krbtgt carry neither ticket signature nor full signature. */
  readonly ticketGranting: boolean;
  readonly others: readonly AuthorizationDataElement[];
}

/** Encodes a ticket's inner part with its PAC signed into it. The PAC comes first: MS-PAC section 2.8.3. */
export function encodePartWithPac(part: EncTicketPart, options: SealPartOptions): Uint8Array {
  const { pac, others, serverKey, kdcKey } = options;
  if (pac === undefined) return EncTicketPart.encode(withData(part, others));
  const placed = EncTicketPart.encode(withData(part, [pacAuthorizationData(), ...others]));
  return signTicketPac(placed, pac, { serverKey, kdcKey, service: !options.ticketGranting });
}

/** Member by member: objects made by spreading have a shape each, which costs the encoder its inline caches. */
function withData(part: EncTicketPart, data: readonly AuthorizationDataElement[]): EncTicketPart {
  const { flags, key, crealm, cname, transited, authtime, starttime, endtime, renewTill, caddr } = part;
  const authorizationData = data.length === 0 ? part.authorizationData : [...data];
  return {
    flags,
    key,
    crealm,
    cname,
    transited,
    authtime,
    starttime,
    endtime,
    renewTill,
    caddr,
    authorizationData,
  };
}
