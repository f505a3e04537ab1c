import { cfx2, decrypt, encrypt } from "../crypto/index.ts";
import type { EncryptionKey, PaData } from "../messages/basic.ts";
import { EncryptedData } from "../messages/basic.ts";
import { PaEncTsEnc, PaPacRequest } from "../messages/preauth.ts";
import { KeyUsage } from "../registry/key-usage.ts";
import { PaType } from "../registry/pa-type.ts";
import type { Stamp } from "./context.ts";

/** PA-ENC-TIMESTAMP: RFC 4120 section 5.2.7.2. */
export function encTimestamp(key: EncryptionKey, stamp: Stamp): PaData {
  return {
    padataType: PaType.encTimestamp,
    padataValue: sealedStamp(key, KeyUsage.asReqPaEncTimestamp, stamp),
  };
}

/** PA-ENCRYPTED-CHALLENGE under FAST armor: RFC 6113 section 5.4.6. */
export function encryptedChallenge(armorKey: EncryptionKey, key: EncryptionKey, stamp: Stamp): PaData {
  const challengeKey = cfx2(armorKey, key, "clientchallengearmor", "challengelongterm");
  const padataValue = sealedStamp(challengeKey, KeyUsage.encryptedChallengeClient, stamp);
  return { padataType: PaType.encryptedChallenge, padataValue };
}

/** The KDC's half of the encrypted challenge: proof that it holds the client's key. @throws KerberosError, Asn1Error */
export function verifyKdcChallenge(armorKey: EncryptionKey, key: EncryptionKey, value: Uint8Array): void {
  const challengeKey = cfx2(armorKey, key, "kdcchallengearmor", "challengelongterm");
  PaEncTsEnc.decode(
    decrypt(challengeKey, KeyUsage.encryptedChallengeKdc, EncryptedData.decode(value).cipher),
  );
}

/** PA-PAC-REQUEST: MS-KILE section 2.2.3. */
export function pacRequest(includePac: boolean): PaData {
  return { padataType: PaType.pacRequest, padataValue: PaPacRequest.encode({ includePac }) };
}

function sealedStamp(key: EncryptionKey, usage: number, stamp: Stamp): Uint8Array {
  const plain = PaEncTsEnc.encode({ patimestamp: stamp.seconds, pausec: stamp.microseconds });
  return EncryptedData.encode({ etype: key.keytype, cipher: encrypt(key, usage, plain) });
}
