import { describe, expect, it } from "vitest";
import { RateLimiter, VirtualClock } from "../src/index.ts";

describe("a rate limiter", () => {
  it("lets a burst through, then so many a second, each address for itself", () => {
    const clock = new VirtualClock();
    const limiter = new RateLimiter({ perSecond: 10, burst: 5, clock });
    const admitted = (address: string, count: number): number =>
      Array.from({ length: count }, () => limiter.admit(address)).filter(Boolean).length;
    expect(admitted("10.0.0.1", 100)).toBe(5);
    expect(admitted("10.0.0.2", 3)).toBe(3);
    clock.advance(1000);
    expect(admitted("10.0.0.1", 100)).toBe(5);
    clock.advance(300);
    expect(admitted("10.0.0.1", 100)).toBe(3);
    clock.advance(-60_000);
    expect(admitted("10.0.0.1", 100)).toBe(0);
    expect(limiter.limited).toBe(95 + 95 + 97 + 100);
  });

  it("leaves the machine itself alone, unless told otherwise", () => {
    const limiter = new RateLimiter({ perSecond: 1, burst: 1 });
    for (const address of ["127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1"]) {
      expect([1, 2, 3].map(() => limiter.admit(address))).toEqual([true, true, true]);
    }
    expect(limiter.size).toBe(0);
    const strict = new RateLimiter({ perSecond: 1, burst: 1, exempt: () => false });
    expect([1, 2].map(() => strict.admit("127.0.0.1"))).toEqual([true, false]);
  });

  it("says how long to wait, never longer than a burst takes to come back", () => {
    const clock = new VirtualClock();
    const limiter = new RateLimiter({ perSecond: 10, burst: 2, clock });
    expect([1, 2, 3, 4, 5, 6].map(() => limiter.delay("10.0.0.1"))).toEqual([0, 0, 100, 200, 200, 200]);
    clock.advance(200);
    expect(limiter.delay("10.0.0.1")).toBe(100);
  });

  it("reports an address once per interval, with what was held up since", () => {
    const clock = new VirtualClock();
    const reports: [string, number][] = [];
    const onLimited = (address: string, requests: number): void => void reports.push([address, requests]);
    const limiter = new RateLimiter({ perSecond: 0.001, burst: 1, clock, onLimited, reportInterval: 1000 });
    for (let request = 0; request < 50; request++) limiter.admit("10.0.0.1");
    clock.advance(1000);
    limiter.admit("10.0.0.1");
    expect(reports).toEqual([
      ["10.0.0.1", 1],
      ["10.0.0.1", 49],
    ]);
  });

  it("remembers a bounded number of addresses, the ones heard of last", () => {
    const clock = new VirtualClock();
    const limiter = new RateLimiter({ perSecond: 0.001, burst: 1, clock, maxAddresses: 100 });
    limiter.admit("10.0.0.1");
    for (let address = 0; address < 100_000; address++) {
      limiter.admit(`10.1.${address >> 8}.${address & 255}`);
      if (address % 20 === 0) expect(limiter.admit("10.0.0.1")).toBe(false);
    }
    expect(limiter.size).toBeLessThanOrEqual(100);
  });
});
