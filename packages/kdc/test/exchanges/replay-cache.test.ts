import { VirtualClock } from "@waybill/base";
import { describe, expect, it } from "vitest";
import { ReplayCache } from "../../src/exchanges/replay-cache.ts";

const cipher = (number: number): Uint8Array => {
  const bytes = new Uint8Array(20);
  new DataView(bytes.buffer).setUint32(16, number * 2654435761);
  return bytes;
};
const request = Uint8Array.of(1, 2, 3);
const reply = Uint8Array.of(9);
const minute = 60_000;

describe("ReplayCache", () => {
  it("answers a retransmission alike and refuses the authenticator in another request", () => {
    const cache = new ReplayCache({ clock: new VirtualClock(), clockSkew: 5 * minute });
    expect(cache.check(cipher(1), request)).toEqual({ kind: "fresh" });
    expect(cache.check(cipher(1), request)).toEqual({ kind: "replay" });
    cache.answered(cipher(1), request, reply);
    expect(cache.check(cipher(1), request)).toEqual({ kind: "retransmission", reply });
    expect(cache.check(cipher(1), Uint8Array.of(1, 2, 4))).toEqual({ kind: "replay" });
    expect(cache.check(cipher(2), request)).toEqual({ kind: "fresh" });
  });

  it("remembers for as long as an authenticator is good, from the earliest to the latest clock, and not forever", () => {
    const clock = new VirtualClock();
    const cache = new ReplayCache({ clock, clockSkew: 5 * minute });
    cache.check(cipher(1), request);
    clock.advance(9.9 * minute);
    cache.check(cipher(2), request);
    clock.advance(9.9 * minute);
    expect(cache.check(cipher(2), request).kind).toBe("replay");
    clock.advance(30 * minute);
    expect(cache.check(cipher(1), request).kind).toBe("fresh");
  });

  it("holds a hundred thousand and knows every one again", () => {
    const cache = new ReplayCache({ clock: new VirtualClock(), clockSkew: 5 * minute });
    for (let number = 0; number < 100_000; number++) {
      expect(cache.check(cipher(number), request).kind === "fresh" || number === 0).toBe(true);
    }
    for (let number = 0; number < 100_000; number += 997) {
      expect(cache.check(cipher(number), request).kind).toBe("replay");
    }
  });

  it("stays within its capacity", () => {
    const cache = new ReplayCache({ clock: new VirtualClock(), clockSkew: 5 * minute, capacity: 1000 });
    for (let number = 1; number <= 5000; number++) cache.check(cipher(number), request);
    expect(cache.check(cipher(4999), request).kind).toBe("replay");
    expect(cache.check(cipher(1), request).kind).toBe("fresh");
  });
});
