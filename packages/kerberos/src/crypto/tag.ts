import { timingSafeEqual } from "node:crypto";

/** Compares the first `size` octets of what was computed with all of what came, in constant time. */
export function tagsEqual(computed: Uint8Array, received: Uint8Array, size: number): boolean {
  return received.length === size && timingSafeEqual(computed.subarray(0, size), received);
}
