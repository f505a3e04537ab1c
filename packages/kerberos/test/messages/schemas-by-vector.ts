import { readFileSync } from "node:fs";
import type { Schema } from "@waybill/asn1";
import { fromHex } from "@waybill/base";
import * as messages from "../../src/messages/index.ts";

const byVector: Readonly<Record<string, Schema<unknown>>> = {
  authenticator: messages.Authenticator,
  ticket: messages.Ticket,
  keyblock: messages.EncryptionKey,
  enc_tkt_part: messages.EncTicketPart,
  enc_kdc_rep_part: messages.EncTgsRepPart,
  as_rep: messages.AsRep,
  tgs_rep: messages.TgsRep,
  ap_req: messages.ApReq,
  ap_rep: messages.ApRep,
  ap_rep_enc_part: messages.EncApRepPart,
  as_req: messages.AsReq,
  tgs_req: messages.TgsReq,
  kdc_req_body: messages.KdcReqBody,
  safe: messages.KrbSafe,
  priv: messages.KrbPriv,
  enc_priv_part: messages.EncKrbPrivPart,
  cred: messages.KrbCred,
  enc_cred_part: messages.EncKrbCredPart,
  error: messages.KrbError,
  authorization_data: messages.AuthorizationData,
  padata_sequence: messages.MethodData,
  typed_data: messages.TypedData,
  etype_info: messages.EtypeInfo,
  etype_info2: messages.EtypeInfo2,
  pa_enc_ts: messages.PaEncTsEnc,
  enc_data: messages.EncryptedData,
  pa_for_user: messages.PaForUser,
  pa_s4u_x509_user: messages.PaS4uX509User,
  ad_kdcissued: messages.AdKdcIssued,
  fast_response: messages.KrbFastResponse,
  pa_fx_fast_reply: messages.PaFxFastReply,
  kkdcp_message: messages.KdcProxyMessage,
};

const file = new URL("fixtures/mit-asn1-vectors.json", import.meta.url);
const { vectors } = JSON.parse(readFileSync(file, "utf8")) as { vectors: Record<string, string> };

export interface MitVector {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly schema: Schema<unknown>;
}

/** MIT krb5's reference encodings (see the file for their origin) and the schema each belongs to. */
export const mitVectors: readonly MitVector[] = Object.entries(vectors).map(([name, hex]) => {
  const schema = byVector[name.replace(/\s*\(.*/, "")];
  if (schema === undefined) throw new Error(`no schema for the vector ${name}`);
  return { name, bytes: fromHex(hex), schema };
});
