import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OutputBuffer } from "../../src/console/output-buffer.ts";

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));
const text = ({ bytes: read }: { readonly bytes: Uint8Array }): string =>
  Buffer.from(read).toString("latin1");

describe("the newest bytes of a stream", () => {
  it("are read from any place, and the oldest make room", () => {
    const buffer = new OutputBuffer(8);
    buffer.append(bytes("abcdef"));
    expect(text(buffer.read(0, 100))).toBe("abcdef");
    expect(text(buffer.read(4, 100))).toBe("ef");
    expect(text(buffer.read(1, 2))).toBe("bc");
    buffer.append(bytes("ghijk"));
    expect(buffer.read(0, 100)).toEqual({ offset: 3, bytes: bytes("defghijk") });
    expect(buffer.read(50, 100)).toEqual({ offset: 11, bytes: bytes("") });
  });

  it("are those of the whole stream, however it came", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.string({ maxLength: 30, unit: "binary-ascii" })),
        fc.nat(200),
        fc.nat(40),
        (capacity, pieces, from, max) => {
          const buffer = new OutputBuffer(capacity);
          for (const piece of pieces) buffer.append(bytes(piece));
          const whole = pieces.join("");
          const start = Math.min(Math.max(from, whole.length - capacity, 0), whole.length);
          const read = buffer.read(from, max);
          expect(read.offset).toBe(start);
          expect(text(read)).toBe(whole.slice(start, start + max));
        },
      ),
    );
  });
});
