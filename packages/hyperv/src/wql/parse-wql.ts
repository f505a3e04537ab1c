import { parseObjectPath } from "../schema/wmi-reference.ts";
import { invalidQuery, tokenizeWql, type WqlToken } from "./tokenize-wql.ts";
import type { WqlExpression, WqlOperator, WqlQuery, WqlSelect, WqlTraversal, WqlValue } from "./wql-query.ts";

const operators: ReadonlyMap<string, WqlOperator> = new Map([
  ["=", "="],
  ["<>", "<>"],
  ["!=", "<>"],
  ["<", "<"],
  [">", ">"],
  ["<=", "<="],
  [">=", ">="],
]);

/** Parentheses and NOT nest; deeper than this the query is refused. */
const maxDepth = 32;

/**
 * Reads the part of WQL (MS-WMI 2.2.1) that management clients use:
 *
 * ```text
 * select   = "select" ("*" | name *("," name)) "from" class ["where" expr]
 * expr     = and *("or" and) ; and = not *("and" not) ; not = ["not"] ("(" expr ")" | test)
 * test     = name ("=" | "<>" | "!=" | "<" | ">" | "<=" | ">=" | "like") value | name "is" ["not"] "null"
 * traverse = ("associators" | "references") "of" "{" path "}" ["where" *(keyword ["=" class])]
 * ```
 *
 * @throws HyperVError `WQL_INVALID`.
 */
export function parseWql(query: string): WqlQuery {
  const reader = new WqlReader(tokenizeWql(query));
  return reader.query();
}

class WqlReader {
  readonly #tokens: readonly WqlToken[];
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly WqlToken[]) {
    this.#tokens = tokens;
  }

  query(): WqlQuery {
    const word = this.#word().toLowerCase();
    if (word === "select") return this.#select();
    if (word === "associators" || word === "references") return this.#traversal(word);
    throw invalidQuery(`it begins with "${word.slice(0, 20)}"`);
  }

  #select(): WqlSelect {
    const properties = this.#takeSymbol("*") ? undefined : this.#names();
    if (!this.#takeWord("from")) throw invalidQuery("FROM is missing");
    const className = this.#word();
    const where = this.#takeWord("where") ? this.#or() : undefined;
    this.#end();
    return { kind: "select", properties, className, where };
  }

  #names(): readonly string[] {
    const names = [this.#word()];
    while (this.#takeSymbol(",")) names.push(this.#word());
    return names;
  }

  #traversal(kind: WqlTraversal["kind"]): WqlTraversal {
    if (!this.#takeWord("of")) throw invalidQuery("OF is missing");
    const token = this.#take();
    const object = token?.kind === "object" ? parseObjectPath(token.path.trim()) : undefined;
    if (object === undefined) throw invalidQuery("the object path is missing or malformed");
    const clauses = new Map<string, string>();
    if (this.#takeWord("where")) {
      while (this.#next < this.#tokens.length) {
        const keyword = this.#word().toLowerCase();
        clauses.set(keyword, this.#takeSymbol("=") ? this.#word() : "");
      }
    }
    for (const keyword of clauses.keys()) {
      if (!["resultclass", "assocclass", "role", "resultrole"].includes(keyword)) {
        throw invalidQuery(`${keyword.slice(0, 20)} is not supported`);
      }
    }
    return {
      kind,
      object,
      resultClass: clauses.get("resultclass"),
      associationClass: clauses.get("assocclass"),
      role: clauses.get("role"),
      resultRole: clauses.get("resultrole"),
    };
  }

  #or(): WqlExpression {
    let left = this.#and();
    while (this.#takeWord("or")) left = { kind: "or", left, right: this.#and() };
    return left;
  }

  #and(): WqlExpression {
    let left = this.#not();
    while (this.#takeWord("and")) left = { kind: "and", left, right: this.#not() };
    return left;
  }

  #not(): WqlExpression {
    this.#depth += 1;
    if (this.#depth > maxDepth) throw invalidQuery("it nests too deeply");
    try {
      if (this.#takeWord("not")) return { kind: "not", operand: this.#not() };
      if (!this.#takeSymbol("(")) return this.#test();
      const inner = this.#or();
      if (!this.#takeSymbol(")")) throw invalidQuery("a parenthesis is not closed");
      return inner;
    } finally {
      this.#depth -= 1;
    }
  }

  #test(): WqlExpression {
    const property = this.#word();
    if (this.#takeWord("is")) {
      const negated = this.#takeWord("not");
      if (!this.#takeWord("null")) throw invalidQuery("IS compares with NULL only");
      return { kind: "null", property, negated };
    }
    if (this.#takeWord("like")) return { kind: "compare", property, operator: "like", value: this.#value() };
    const token = this.#take();
    const operator = token?.kind === "symbol" ? operators.get(token.text) : undefined;
    if (operator === undefined) throw invalidQuery(`an operator is missing after ${property.slice(0, 40)}`);
    return { kind: "compare", property, operator, value: this.#value() };
  }

  #value(): WqlValue {
    const token = this.#take();
    if (token?.kind === "text" || token?.kind === "number") return token.value;
    const word = token?.kind === "word" ? token.text.toLowerCase() : "";
    if (word === "true" || word === "false") return word === "true";
    if (word === "null") return null;
    throw invalidQuery("a value is missing");
  }

  #take(): WqlToken | undefined {
    const token = this.#tokens[this.#next];
    this.#next += 1;
    return token;
  }

  #word(): string {
    const token = this.#take();
    if (token?.kind !== "word") throw invalidQuery("a name is missing");
    return token.text;
  }

  #takeWord(word: string): boolean {
    const token = this.#tokens[this.#next];
    if (token?.kind !== "word" || token.text.toLowerCase() !== word) return false;
    this.#next += 1;
    return true;
  }

  #takeSymbol(symbol: string): boolean {
    const token = this.#tokens[this.#next];
    if (token?.kind !== "symbol" || token.text !== symbol) return false;
    this.#next += 1;
    return true;
  }

  #end(): void {
    if (this.#next < this.#tokens.length) throw invalidQuery("something follows its end");
  }
}
