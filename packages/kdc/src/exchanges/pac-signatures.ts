import type { Account, KeySet } from "@waybill/directory";
import {
  checksumTypeFor,
  type EncryptionKey,
  type Pac,
  PacError,
  PacType,
  replaceTicketPac,
  signatureOf,
  verifyFullSignature,
  verifyKdcSignature,
  verifyServerSignature,
  verifyTicketSignature,
} from "@waybill/kerberos";
import type { SignatureState } from "../policy/index.ts";
import type { OpenedTicket, ServiceTicketSignatures } from "./ticket-pac.ts";

const sha1 = 14;

/** What a verification says, in policy's words. */
export function tested(verify: () => void): SignatureState {
  try {
    verify();
    return "valid";
  } catch (error) {
    if (!(error instanceof PacError)) throw error;
    if (error.code === "PAC_SIGNATURE_MISSING") return "missing";
    if (error.code !== "PAC_SIGNATURE_TYPE_REFUSED") return "invalid";
    return error.facts.type === sha1 ? "unsupported" : "unkeyed";
  }
}

/** Whether a signature has the type that goes with the key: rc4's works with any key and AD refuses it here. */
export function hasTypeOf(key: EncryptionKey, pac: Pac, buffer: number): boolean {
  try {
    return signatureOf(pac, buffer)?.type === checksumTypeFor(key.keytype);
  } catch (error) {
    if (error instanceof PacError) return false;
    throw error;
  }
}

/** Verifies with the one of several keys that fits: krbtgt's password may have changed since. */
export function testedWith(
  keys: readonly EncryptionKey[],
  pac: Pac,
  buffer: number,
  verify: (key: EncryptionKey) => void,
): SignatureState {
  if (pac.buffer(buffer) === undefined) return "missing";
  let state: SignatureState = "unkeyed";
  for (const key of keys) {
    if (!hasTypeOf(key, pac, buffer)) continue;
    state = tested(() => verify(key));
    if (state !== "invalid") return state;
  }
  return state;
}

const gravest = ["invalid", "unsupported", "missing", "unkeyed"] as const;

export function worst(...states: readonly SignatureState[]): SignatureState {
  return gravest.find((state) => states.includes(state)) ?? "valid";
}

/** The signature made with the key a ticket is encrypted in. */
export function serverSignature({ pac, key, found }: OpenedTicket): SignatureState {
  if (pac === undefined) return "missing";
  found.server ??= tested(() => verifyServerSignature(pac, key));
  return found.server;
}

const unsigned: ServiceTicketSignatures = { pacSignatures: "missing", ticketSignature: "missing" };

/** All signatures that this KDC puts on a service ticket. */
export function serviceTicketSignatures(
  ticket: OpenedTicket | undefined,
  { keySets }: Account,
): ServiceTicketSignatures {
  if (ticket?.pac === undefined) return unsigned;
  const { found, pac } = ticket;
  if (found.service?.keySets !== keySets) {
    found.service = { keySets, signatures: testAll(ticket, pac, keySets) };
  }
  return found.service.signatures;
}

function testAll(ticket: OpenedTicket, pac: Pac, keySets: readonly KeySet[]): ServiceTicketSignatures {
  const keys = keySets.flatMap((set) => set.keys);
  const server = testedWith([ticket.key], pac, PacType.serverChecksum, () =>
    verifyServerSignature(pac, ticket.key),
  );
  return {
    pacSignatures: worst(
      server === "unkeyed" ? tested(() => verifyServerSignature(pac, ticket.key)) : server,
      testedWith(keys, pac, PacType.kdcChecksum, (key) => verifyKdcSignature(pac, key)),
      testedWith(keys, pac, PacType.fullChecksum, (key) => verifyFullSignature(pac, key)),
    ),
    ticketSignature: testedWith(keys, pac, PacType.ticketChecksum, (key) =>
      verifyTicketSignature(pac, key, replaceTicketPac(ticket.bytes)),
    ),
  };
}
