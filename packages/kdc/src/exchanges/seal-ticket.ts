import {
  type AuthorizationDataElement,
  type EncryptionKey,
  type EncTicketPart,
  encrypt,
  KeyUsage,
  type Pac,
  type PrincipalName,
  type Ticket,
} from "@waybill/kerberos";
import type { VersionedKey } from "./account-keys.ts";
import { encodePartWithPac } from "./ticket-pac.ts";

export interface SealTicketOptions {
  readonly realm: string;
  readonly sname: PrincipalName;
  readonly part: EncTicketPart;
  readonly pac: Pac | undefined;
  readonly others: readonly AuthorizationDataElement[];
  /** The service's key and its version, or a session key for user-to-user. */
  readonly key: EncryptionKey | VersionedKey;
  readonly kdcKey: EncryptionKey;
  readonly ticketGranting: boolean;
}

/** Signs the PAC into the ticket's inner part and encrypts it: RFC 4120 section 5.3. */
export function sealTicket(options: SealTicketOptions): Ticket {
  const { key: given } = options;
  const key = "kvno" in given ? given.key : given;
  const plain = encodePartWithPac(options.part, {
    pac: options.pac,
    serverKey: key,
    kdcKey: options.kdcKey,
    ticketGranting: options.ticketGranting,
    others: options.others,
  });
  return {
    tktVno: 5,
    realm: options.realm,
    sname: options.sname,
    encPart: {
      etype: key.keytype,
      kvno: "kvno" in given ? given.kvno : undefined,
      cipher: encrypt(key, KeyUsage.ticket, plain),
    },
  };
}
