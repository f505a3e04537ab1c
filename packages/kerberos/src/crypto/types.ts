/** A key as messages carry it (RFC 4120 section 5.2.9). The object's identity is what derived keys are cached by. */
export interface EncryptionKey {
  readonly keytype: number;
  readonly keyvalue: Uint8Array;
}

/** A checksum as messages carry it (RFC 4120 section 5.2.9). */
export interface Checksum {
  readonly cksumtype: number;
  readonly checksum: Uint8Array;
}

/**
 * What one key can do under one encryption type. Made once per key; keeps the keys derived from it and the
 * cipher objects that hold them. Every `usage` is a number of `KeyUsage`.
 */
export interface KeySchedule {
  /** Confounder, plaintext and integrity tag as the type lays them out. A random confounder unless one is given. */
  encrypt(usage: number, plaintext: Uint8Array, confounder?: Uint8Array): Uint8Array;
  /** The plaintext without confounder, or `undefined` when the integrity check fails or the length cannot be right. */
  decrypt(usage: number, ciphertext: Uint8Array): Uint8Array | undefined;
  /** The type's own mandatory checksum (RFC 3961 section 4). */
  checksum(usage: number, data: Uint8Array): Uint8Array;
  /** The type's pseudo-random function (RFC 3961 section 3): as many octets as its row's `prfSize`. */
  prf(input: Uint8Array): Uint8Array;
}

/** What a string-to-key function works on: RFC 3961 section 3. */
export interface StringToKeyInput {
  readonly password: string;
  readonly salt: Uint8Array;
  readonly iterations: number;
}

/** One row of the table of encryption types. All sizes are octets. */
export interface EncTypeInfo {
  readonly etype: number;
  /** The IANA name, as MIT's tools print it. */
  readonly name: string;
  readonly aliases: readonly string[];
  /** The word that stands for a group of types in krb5.conf: `aes`, `rc4`. */
  readonly family: string;
  readonly keySize: number;
  readonly confounderSize: number;
  /** Size of the integrity tag inside a ciphertext. */
  readonly macSize: number;
  readonly checksumType: number;
  readonly checksumSize: number;
  readonly prfSize: number;
  /** PBKDF2 iterations when the KDC names none; 0 when the type has no such parameter. */
  readonly defaultIterations: number;
  /** Whether the type is used without being asked for by name. */
  readonly allowedByDefault: boolean;
  schedule(keyvalue: Uint8Array): KeySchedule;
  stringToKey(input: StringToKeyInput): Uint8Array;
}
