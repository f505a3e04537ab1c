import { expect, test } from "vitest";
import { wrapText } from "../../src/output/wrap-text.ts";

test("a short paragraph stays one line", () => {
  expect(wrapText("one two", "  ", 20)).toEqual(["  one two"]);
});

test("further lines are indented by two more, and no line is too long", () => {
  expect(wrapText("one two three four", "  ", 10)).toEqual(["  one two", "    three", "    four"]);
});

test("a word longer than the line stands alone", () => {
  expect(wrapText("a incomprehensible b", "", 6)).toEqual(["a", "  incomprehensible", "  b"]);
});

test("colours take no room", () => {
  expect(wrapText("\u001b[31mone\u001b[39m two", "", 7)).toEqual(["\u001b[31mone\u001b[39m two"]);
});
