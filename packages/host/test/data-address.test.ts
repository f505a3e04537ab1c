import { describe, expect, it } from "vitest";
import { dataAddress } from "../src/migration/data-address.ts";

const own = ["192.0.2.7", "198.51.100.7", "fd00:1::7"];

describe("the address memory travels to", () => {
  it("is the one the source has reached, when no networks are set", () => {
    expect(dataAddress([], "::ffff:192.0.2.7", own)).toBe("192.0.2.7");
  });

  it("is in the first network this host is in, in the order of the setting", () => {
    const reached = "192.0.2.7";
    expect(dataAddress(["203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24"], reached, own)).toBe(
      "198.51.100.7",
    );
    expect(dataAddress(["fd00:1::/64", "198.51.100.0/24"], reached, own)).toBe("fd00:1::7");
  });

  it("stays with the reached one within a network that has several", () => {
    expect(dataAddress(["192.0.2.0/24"], "192.0.2.9", own)).toBe("192.0.2.9");
  });

  it("does not exist when this host is in none of them", () => {
    expect(() => dataAddress(["203.0.113.0/24"], "192.0.2.7", own)).toThrow(
      expect.objectContaining({ code: "NO_MIGRATION_NETWORK" }),
    );
  });
});
