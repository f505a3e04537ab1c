import { SupportedEncTypes } from "@waybill/kerberos";

/** What accounts without msDS-SupportedEncryptionTypes get since the April 2026 updates: AES only (CVE-2026-20833). */
export const defaultDomainSupportedEncTypes: number =
  SupportedEncTypes.aes128CtsHmacSha1 | SupportedEncTypes.aes256CtsHmacSha1;
