import { toHex } from "@waybill/base";
import { DirectoryError } from "../errors.ts";

/** The text form of a GUID's 16 octets: the first three fields are little-endian (MS-DTYP section 2.3.4.2). */
export function formatGuid(bytes: Uint8Array): string {
  if (bytes.length !== 16) {
    throw new DirectoryError(`a GUID has 16 octets, not ${bytes.length}`, {
      code: "BAD_VALUE",
      family: "peer",
    });
  }
  const hex = toHex(bytes);
  const pair = (at: number): string => hex.slice(2 * at, 2 * at + 2);
  const head = `${pair(3)}${pair(2)}${pair(1)}${pair(0)}-${pair(5)}${pair(4)}-${pair(7)}${pair(6)}`;
  return `${head}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** @throws DirectoryError BAD_VALUE */
export function parseGuid(text: string): Uint8Array {
  const digits = text.replace(/^\{|\}$/g, "").replaceAll("-", "");
  if (!/^[0-9a-f]{32}$/i.test(digits)) {
    throw new DirectoryError(`"${text.slice(0, 60)}" is no GUID`, { code: "BAD_VALUE", family: "caller" });
  }
  return swap(Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)));
}

const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

function swap(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(order, (from) => bytes[from] ?? 0);
}
