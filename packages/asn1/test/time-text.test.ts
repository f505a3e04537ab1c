import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { generalizedTime } from "../src/index.ts";

const first = Date.parse("0001-01-01T00:00:00Z");
const last = Date.parse("9999-12-31T23:59:59Z");
const text = (time: number): string => `${new Date(time).toISOString().slice(0, 19).replace(/[-:T]/g, "")}Z`;
const encoded = (value: string): Uint8Array =>
  Uint8Array.of(0x18, value.length, ...Buffer.from(value, "latin1"));

describe("GeneralizedTime, RFC 4120 section 5.2.3", () => {
  it("agrees with Date in every year", () => {
    fc.assert(
      fc.property(fc.integer({ min: first, max: last }), (time) => {
        expect(generalizedTime.encode(time)).toEqual(encoded(text(time)));
        expect(generalizedTime.decode(encoded(text(time)))).toBe(Math.floor(time / 1000) * 1000);
      }),
    );
  });

  it.each(["00010101000000Z", "20000229235959Z", "20240229000000Z", "99991231235959Z"])("has %s", (value) => {
    expect(generalizedTime.encode(generalizedTime.decode(encoded(value)))).toEqual(encoded(value));
  });

  it.each(["20230229000000Z", "19000229000000Z", "20230431000000Z", "20231301000000Z", "20230001000000Z"])(
    "refuses %s, a day that never was",
    (value) => expect(() => generalizedTime.decode(encoded(value))).toThrow(/GeneralizedTime/),
  );

  it.each(["20230228240000Z", "20230228006000Z", "20230228000060Z", "20230228000000+", "2023022800000 Z"])(
    "refuses %s",
    (value) => expect(() => generalizedTime.decode(encoded(value))).toThrow(/GeneralizedTime/),
  );

  it.each([first - 1000, last + 1000, Number.NaN, Number.POSITIVE_INFINITY])("does not encode %s", (time) =>
    expect(() => generalizedTime.encode(time)).toThrow(/years 1 to 9999/),
  );
});
