import type { Captured } from "@waybill/asn1";
import { cfx2, checksum, decrypt, encrypt, randomKey, verifyChecksum } from "../crypto/index.ts";
import { KerberosError } from "../errors.ts";
import type { EncryptionKey, PaData } from "../messages/basic.ts";
import type { KrbError } from "../messages/error.ts";
import { KrbError as KrbErrorSchema } from "../messages/error.ts";
import {
  fastArmorApRequest,
  KrbFastReq,
  KrbFastResponse,
  PaFxFastReply,
  PaFxFastRequest,
} from "../messages/fast.ts";
import type { KdcRep } from "../messages/kdc-rep.ts";
import type { KdcReqBody } from "../messages/kdc-req.ts";
import { Ticket } from "../messages/ticket.ts";
import { KeyUsage } from "../registry/key-usage.ts";
import { PaType } from "../registry/pa-type.ts";
import { kdcApReq } from "./authenticator.ts";
import type { ExchangeContext } from "./context.ts";
import type { Credential } from "./credential.ts";
import { methodData } from "./krb-error.ts";
import { modified } from "./reply-checks.ts";

/**
 * FAST armor around one AS conversation: RFC 6113 section 5.4. The armor ticket's session key protects what a
 * password could not, so nobody on the way can guess passwords from the messages or change errors.
 */
export class FastArmor {
  readonly key: EncryptionKey;
  readonly #apReq: Uint8Array;

  /** @param armor a ticket-granting ticket of the realm the AS-REQ goes to, often the host's own */
  constructor(context: ExchangeContext, armor: Credential) {
    const subkey = randomKey(armor.key.keytype, context.random);
    this.key = cfx2(subkey, armor.key, "subkeyarmor", "ticketarmor");
    this.#apReq = kdcApReq(context, armor, { subkey }).bytes;
  }

  /** The padata that carries the real request inside it: RFC 6113 section 5.4.2. */
  wrap(padata: PaData[], body: Captured<KdcReqBody>): PaData {
    const inner = KrbFastReq.encode({ fastOptions: 0, padata, reqBody: body });
    const padataValue = PaFxFastRequest.encode({
      kind: "armoredData",
      value: {
        armor: { armorType: fastArmorApRequest, armorValue: this.#apReq },
        reqChecksum: checksum(this.key, KeyUsage.fastReqChecksum, body.bytes),
        encFastReq: { etype: this.key.keytype, cipher: encrypt(this.key, KeyUsage.fastEnc, inner) },
      },
    });
    return { padataType: PaType.fxFast, padataValue };
  }

  /** The error inside an armored error. An error without armor may be anybody's: it ends the conversation. */
  openError(outer: KrbError): { error: KrbError; padata: readonly PaData[] } | undefined {
    const response = this.#open(methodData(outer));
    const inner = response?.padata.find((pa) => pa.padataType === PaType.fxError);
    if (response === undefined || inner === undefined) return undefined;
    return { error: KrbErrorSchema.decode(inner.padataValue), padata: response.padata };
  }

  /** Checks the armor of a reply: RFC 6113 section 5.4.3. */
  openReply(reply: KdcRep, nonce: number): ArmoredReply {
    const response = this.#open(reply.padata ?? []);
    if (response === undefined) {
      throw new KerberosError("the KDC answered without FAST armor, which was required", {
        code: "FAST_NOT_SUPPORTED",
        remedy: "Use a KDC that supports FAST, or log in without an armor ticket.",
      });
    }
    if (response.nonce !== nonce) throw modified("the nonce in its armor is another one");
    const { finished } = response;
    if (finished === undefined) throw modified("its armor is not finished");
    if (
      !verifyChecksum(this.key, KeyUsage.fastFinished, Ticket.encode(reply.ticket), finished.ticketChecksum)
    ) {
      throw modified("its armor belongs to another ticket");
    }
    return {
      padata: response.padata,
      strengthenKey: response.strengthenKey,
      crealm: finished.crealm,
      cname: finished.cname,
    };
  }

  #open(padata: readonly PaData[]): KrbFastResponse | undefined {
    const reply = padata.find((pa) => pa.padataType === PaType.fxFast);
    if (reply === undefined || reply.padataValue.length === 0) return undefined;
    const { encFastRep } = PaFxFastReply.decode(reply.padataValue).value;
    return KrbFastResponse.decode(decrypt(this.key, KeyUsage.fastRep, encFastRep.cipher));
  }
}

/** What a reply's armor proves. The client's name outside it is not protected. */
export interface ArmoredReply {
  readonly padata: readonly PaData[];
  readonly strengthenKey: EncryptionKey | undefined;
  readonly crealm: KdcRep["crealm"];
  readonly cname: KdcRep["cname"];
}
