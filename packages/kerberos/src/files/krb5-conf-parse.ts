/**
 * The grammar of krb5.conf, as MIT krb5 reads it.
 *
 * ```
 * file       = *line
 * line       = blank | comment | section | relation | open | close | include
 * comment    = [spaces] ( "#" | ";" ) text          ; also anything before the first section
 * section    = "[" name "]" ["*"]
 * relation   = tag ["*"] [spaces] "=" value
 * value      = text up to the end of the line | quoted  ; \n \t \b and \<any> are escapes inside the quotes
 * open       = tag ["*"] [spaces] "=" ["{"]          ; without it the brace stands on the next line
 * close      = "}" ["*"]
 * include    = "include" path | "includedir" path     ; at the very start of a line
 * ```
 *
 * Sections and sub-sections of the same name are one. A relation may occur more than once: it then has several values,
 * in order. `*` makes a section, sub-section or relation final: what comes later under that name, in the same file or
 * in another, does not count. An included file begins outside of all sections.
 */
import { KerberosError } from "../errors.ts";

/** A relation has a `value`, a section has `children`. */
export interface ConfNode {
  readonly name: string;
  readonly value: string | undefined;
  readonly children: ConfNode[];
  final: boolean;
}

/** A file that `include` or `includedir` brings in. */
export interface IncludedFile {
  readonly path: string;
  readonly text: string;
}

/** Where included files come from, and what messages call the file. */
export interface ParseKrb5ConfOptions {
  /** What errors call the file. */
  readonly path?: string | undefined;
  /** The text of a file named by `include`. Without it such a line is an error. */
  readonly include?: ((path: string) => string) | undefined;
  /** The files of a directory named by `includedir`, those that count, in order. */
  readonly includeDirectory?: ((path: string) => readonly IncludedFile[]) | undefined;
}

const maxText = 1024 * 1024;
const maxDepth = 16;
const maxIncludes = 1000;

interface State {
  readonly root: ConfNode;
  readonly options: ParseKrb5ConfOptions;
  includes: number;
}

/** An empty profile: what sections are added to. */
export function newRoot(): ConfNode {
  return section("");
}

/** Adds a file's content to a tree: what is final there stays as it is. */
export function parseInto(root: ConfNode, text: string, options: ParseKrb5ConfOptions): void {
  parseFile({ root, options, includes: 0 }, text, options.path ?? "krb5.conf", 0);
}

function parseFile(state: State, text: string, path: string, depth: number): void {
  if (text.length > maxText) throw malformedConf(path, 0, 0, `it is longer than ${maxText} characters`);
  /** The open section and sub-sections; a `undefined` one is being skipped because a final one has its name. */
  let open: (ConfNode | undefined)[] = [];
  let awaitsBrace = false;
  let offset = 0;
  for (const [index, line] of text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .entries()) {
    const fail = (reason: string): never => {
      throw malformedConf(path, index + 1, offset, reason);
    };
    const trimmed = line.trim();
    const [, directive, target] = /^(include|includedir|module)\s+(.*)$/.exec(line.trimEnd()) ?? [];
    if (directive !== undefined && target !== undefined && (directive !== "module" || open.length === 0)) {
      includeFrom(state, directive, target, depth, fail);
    } else if (awaitsBrace) {
      if (!trimmed.startsWith("{")) fail("an opening brace is missing");
      awaitsBrace = false;
    } else if (trimmed.startsWith("[")) {
      if (open.length > 1) fail("a section begins before the last sub-section is closed");
      open = [openSection(state.root, trimmed, fail)];
    } else if (open.length > 0 && trimmed !== "" && !/^[#;]/.test(trimmed)) {
      awaitsBrace = parseLine(open, trimmed, fail);
    }
    offset += line.length + 1;
  }
}

type Fail = (reason: string) => never;

function includeFrom(state: State, directive: string, target: string, depth: number, fail: Fail): void {
  const { include, includeDirectory } = state.options;
  if (depth >= maxDepth) fail(`files include each other more than ${maxDepth} deep`);
  if (directive === "include" && include !== undefined)
    parseIncluded({ path: target, text: include(target) });
  else if (directive === "includedir" && includeDirectory !== undefined)
    includeDirectory(target).forEach(parseIncluded);
  else fail(`${directive} cannot be followed here`);

  function parseIncluded(file: IncludedFile): void {
    state.includes++;
    if (state.includes > maxIncludes) fail(`more than ${maxIncludes} files are included`);
    parseFile(state, file.text, file.path, depth + 1);
  }
}

function openSection(root: ConfNode, text: string, fail: Fail): ConfNode | undefined {
  const [, name, star] = /^\[([^\]]*)\](\*?)\s*$/.exec(text) ?? [];
  if (name === undefined) return fail("a section is written [name]");
  return descend(root, name, star === "*");
}

/** A relation, or the begin or end of a sub-section. Whether a brace must follow on the next line. */
function parseLine(open: (ConfNode | undefined)[], text: string, fail: Fail): boolean {
  const parent = open.at(-1);
  if (text.startsWith("}")) {
    if (open.length < 2) fail("a closing brace has no opening one");
    if (text.startsWith("}*") && parent !== undefined) parent.final = true;
    open.pop();
    return false;
  }
  const equals = text.indexOf("=");
  const tag = text.slice(0, Math.max(equals, 0)).trim();
  if (equals < 0) fail("a line is neither a section nor a relation: it has no =");
  if (tag === "" || /\s/.test(tag)) fail("what stands before = is not one word");
  const name = tag.replace(/\*.*$/, "");
  const final = tag.includes("*");
  const value = text.slice(equals + 1).trim();
  if (value === "" || value === "{") {
    if (open.length > maxDepth) fail(`sub-sections are more than ${maxDepth} deep`);
    open.push(parent === undefined ? undefined : descend(parent, name, final));
    return value === "";
  }
  if (parent !== undefined && !parent.children.some((node) => node.name === name && node.final)) {
    parent.children.push({ name, value: unquoted(value), children: [], final });
  }
  return false;
}

/** The child section of a name, made if there is none; `undefined` if there is one and it is final. */
function descend(parent: ConfNode, name: string, final: boolean): ConfNode | undefined {
  const known = parent.children.find((node) => node.name === name && node.value === undefined);
  if (known?.final) return undefined;
  const node = known ?? section(name);
  if (known === undefined) parent.children.push(node);
  // MIT takes this mark into account at once; what follows inside the braces still belongs to it.
  if (final) node.final = true;
  return node;
}

function section(name: string): ConfNode {
  return { name, value: undefined, children: [], final: false };
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", b: "\b" };

function unquoted(value: string): string {
  if (!value.startsWith('"')) return value;
  const inner = /^"((?:\\.|[^"\\])*)/s.exec(value)?.[1] ?? "";
  return inner.replace(/\\(.)/gs, (_, character: string) => escapes[character] ?? character);
}

function malformedConf(path: string, line: number, offset: number, reason: string): KerberosError {
  return new KerberosError(`${path}, line ${line}: ${reason}`, {
    code: "MALFORMED_KRB5_CONF",
    family: "environment",
    facts: { path, line, offset, reason },
    remedy: "Correct that line.",
  });
}
