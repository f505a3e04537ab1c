import { nfold } from "./nfold.ts";

/** What a derived key is for. The octet ends the constant it is derived with: RFC 3961 section 5.3. */
const purposes = { checksum: 0x99, encryption: 0xaa, integrity: 0x55 } as const;
/** One of the three keys that are derived for a usage. */
export type KeyPurpose = keyof typeof purposes;

const foldedConstants = new Map<number, Uint8Array>();
/** Far above the number of usages the protocol knows. */
const cacheLimit = 1024;

/** The constants key usages are turned into for derivation. */
export const usageConstant = {
  /** Usage number, big-endian, and the purpose octet. */
  plain(usage: number, purpose: KeyPurpose): Uint8Array {
    return Uint8Array.of(usage >>> 24, usage >>> 16, usage >>> 8, usage, purposes[purpose]);
  },
  /** The same, folded to one AES block. Not to be changed: shared by all keys. */
  folded(usage: number, purpose: KeyPurpose): Uint8Array {
    const index = usage * 256 + purposes[purpose];
    let folded = foldedConstants.get(index);
    if (folded === undefined) {
      if (foldedConstants.size >= cacheLimit) foldedConstants.clear();
      folded = nfold(usageConstant.plain(usage, purpose), 16);
      foldedConstants.set(index, folded);
    }
    return folded;
  },
};
