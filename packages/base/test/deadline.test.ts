import { describe, expect, it, vi } from "vitest";
import { AbortedError, DeadlineError, sleep, withDeadline } from "../src/index.ts";

describe("withDeadline", () => {
  it("returns what the work returns", async () => {
    expect(await withDeadline({ what: "a sum", timeout: 1000 }, async () => 2 + 2)).toBe(4);
  });

  it("stops the work and names it when time is up", async () => {
    let stopped = false;
    const waiting = withDeadline({ what: "the peer's answer", timeout: 10 }, async (signal) => {
      signal.addEventListener("abort", () => {
        stopped = true;
      });
      await sleep(60_000, signal);
    });
    await expect(waiting).rejects.toThrow(DeadlineError);
    await expect(waiting).rejects.toThrow("the peer's answer did not finish within 10 ms");
    expect(stopped).toBe(true);
  });

  it("ends when the caller aborts", async () => {
    const controller = new AbortController();
    const waiting = withDeadline({ what: "a move", timeout: 60_000, signal: controller.signal }, (signal) =>
      sleep(60_000, signal),
    );
    controller.abort("changed my mind");
    await expect(waiting).rejects.toThrow(AbortedError);
  });

  it("leaves no timer behind, even when the work never ends", async () => {
    vi.useFakeTimers();
    try {
      const controller = new AbortController();
      const { signal } = controller;
      const waiting = withDeadline({ what: "a move", timeout: 60_000, signal }, () => new Promise(() => {}));
      controller.abort();
      await expect(waiting).rejects.toThrow(AbortedError);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});
