import { utf8 } from "@waybill/base";
import { LdapSyntaxError } from "../errors.ts";
import type { Filter, Substring } from "./filter.ts";

const maxNesting = 100;

/**
 * Reads the string form of RFC 4515. One pair of outer parentheses may be missing, as every LDAP tool allows.
 *
 * @throws LdapSyntaxError with the position of the first character that does not fit.
 */
export function parseFilter(text: string): Filter {
  const parser = new FilterParser(text.startsWith("(") ? text : `(${text})`);
  return parser.whole();
}

const description = /[A-Za-z][A-Za-z0-9-]*(?:;[A-Za-z0-9-]+)*|\d+(?:\.\d+)*(?:;[A-Za-z0-9-]+)*/y;
const ruleName = /[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)*/y;

class FilterParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): Filter {
    const filter = this.#filter(0);
    if (this.#at !== this.#text.length) throw this.#error("text after the filter");
    return filter;
  }

  #filter(depth: number): Filter {
    if (depth > maxNesting) throw this.#error(`more than ${maxNesting} filters inside one another`);
    this.#expect("(");
    const operator = this.#text.charAt(this.#at);
    let filter: Filter;
    if (operator === "&" || operator === "|") {
      this.#at++;
      const value: Filter[] = [];
      while (this.#text.charAt(this.#at) === "(") value.push(this.#filter(depth + 1));
      filter = { kind: operator === "&" ? "and" : "or", value };
    } else if (operator === "!") {
      this.#at++;
      filter = { kind: "not", value: this.#filter(depth + 1) };
    } else {
      filter = this.#item();
    }
    this.#expect(")");
    return filter;
  }

  #item(): Filter {
    const type = this.#match(description);
    if (this.#text.charAt(this.#at) === ":") return this.#extensible(type);
    if (type === undefined) throw this.#error("expected an attribute");
    const operator = this.#match(/[~<>]?=/y);
    if (operator === undefined) throw this.#error("expected =, ~=, >= or <=");
    if (operator === "=") return this.#equalityOrSubstrings(type);
    const value = { attributeDesc: type, assertionValue: this.#value() };
    if (operator === "~=") return { kind: "approxMatch", value };
    return { kind: operator === ">=" ? "greaterOrEqual" : "lessOrEqual", value };
  }

  #equalityOrSubstrings(type: string): Filter {
    const parts: Uint8Array[] = [this.#value()];
    while (this.#text.charAt(this.#at) === "*") {
      this.#at++;
      parts.push(this.#value());
    }
    const [only] = parts;
    if (parts.length === 1 && only !== undefined) {
      return { kind: "equalityMatch", value: { attributeDesc: type, assertionValue: only } };
    }
    if (parts.length === 2 && parts.every((part) => part.length === 0))
      return { kind: "present", value: type };
    const last = parts.length - 1;
    const substrings: Substring[] = [];
    parts.forEach((value, index) => {
      if (value.length > 0)
        substrings.push({ kind: index === 0 ? "initial" : index === last ? "final" : "any", value });
    });
    if (substrings.length === 0) throw this.#error("nothing between the asterisks");
    return { kind: "substrings", value: { type, substrings } };
  }

  #extensible(type: string | undefined): Filter {
    const dnAttributes = this.#match(/:dn(?=:)/iy) !== undefined;
    this.#expect(":");
    let matchingRule: string | undefined;
    if (this.#text.charAt(this.#at) !== "=") {
      matchingRule = this.#match(ruleName);
      if (matchingRule === undefined) throw this.#error("expected a matching rule");
      this.#expect(":");
    }
    this.#expect("=");
    if (type === undefined && matchingRule === undefined)
      throw this.#error("neither attribute nor matching rule");
    const matchValue = this.#value();
    return {
      kind: "extensibleMatch",
      value: {
        ...(matchingRule === undefined ? {} : { matchingRule }),
        ...(type === undefined ? {} : { type }),
        matchValue,
        dnAttributes,
      },
    };
  }

  /** Octets up to the next `*`, `(`, `)` or the end. */
  #value(): Uint8Array {
    const parts: number[] = [];
    let plain = this.#at;
    const flush = (): void => {
      for (const octet of utf8(this.#text.slice(plain, this.#at))) parts.push(octet);
    };
    for (;;) {
      const char = this.#text.charAt(this.#at);
      if (char === "" || char === "*" || char === "(" || char === ")") break;
      if (char !== "\\") {
        this.#at++;
        continue;
      }
      flush();
      const digits = /\\([0-9a-f]{2})/iy;
      digits.lastIndex = this.#at;
      const hex = digits.exec(this.#text)?.[1];
      if (hex === undefined) throw this.#error("expected two hexadecimal digits after \\");
      parts.push(Number.parseInt(hex, 16));
      this.#at += 3;
      plain = this.#at;
    }
    flush();
    return Uint8Array.from(parts);
  }

  #match(pattern: RegExp): string | undefined {
    const sticky = new RegExp(pattern);
    sticky.lastIndex = this.#at;
    const found = sticky.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #expect(char: string): void {
    if (this.#text.charAt(this.#at) !== char) throw this.#error(`expected ${char}`);
    this.#at++;
  }

  #error(problem: string): LdapSyntaxError {
    return new LdapSyntaxError("filter", problem, this.#at);
  }
}
