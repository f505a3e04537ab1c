import { randomInt } from "node:crypto";

/** An address of the loopback network that no other test is likely to have: some programs insist on port 88. */
export function loopbackAddress(): string {
  return `127.${randomInt(20, 250)}.${randomInt(1, 255)}.${randomInt(1, 255)}`;
}
