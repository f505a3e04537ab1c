import { readFileSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import { systemCode, WaybillError } from "@waybill/base";

/**
 * A password: the first line of a file (`-`: of standard input), else asked on the terminal without showing it.
 * Never an argument: those are seen by every user of the machine.
 *
 * @throws WaybillError FILE_UNREADABLE, PASSWORD_MISSING
 */
export async function readPassword(file: string | undefined, prompt: string): Promise<string> {
  if (file === undefined) {
    if (!process.stdin.isTTY) throw missing("there is no terminal to ask for the password");
    return await askHidden(prompt);
  }
  const line = firstLine(file);
  if (line === "") throw missing(`${file === "-" ? "standard input" : file} begins with an empty line`);
  return line;
}

function firstLine(file: string): string {
  try {
    const text = readFileSync(file === "-" ? 0 : file, "utf8");
    return /^[^\r\n]*/.exec(text)?.[0] ?? "";
  } catch (cause) {
    const why = systemCode(cause);
    throw new WaybillError(`cannot read the password from ${file}${why === undefined ? "" : ` (${why})`}`, {
      code: "FILE_UNREADABLE",
      family: "caller",
      facts: { file },
      cause,
    });
  }
}

const enter = new Set(["\r", "\n", "\u0004"]);
const erase = new Set(["\u007f", "\b"]);
const interrupt = "\u0003";

async function askHidden(prompt: string): Promise<string> {
  const { stdin, stderr } = process;
  stderr.write(prompt);
  stdin.setRawMode(true);
  // A character may arrive in two pieces.
  const decoder = new StringDecoder("utf8");
  let typed: string[] = [];
  try {
    return await new Promise<string>((resolve, reject) => {
      stdin.on("data", (chunk: Buffer) => {
        for (const character of decoder.write(chunk)) {
          if (enter.has(character)) return resolve(typed.join(""));
          if (character === interrupt) return reject(missing("it was interrupted"));
          if (erase.has(character)) typed = typed.slice(0, -1);
          else typed.push(character);
        }
      });
      stdin.on("end", () => reject(missing("the terminal went away")));
    });
  } finally {
    stdin.removeAllListeners("data");
    stdin.removeAllListeners("end");
    stdin.setRawMode(false);
    stdin.pause();
    stderr.write("\n");
  }
}

function missing(why: string): WaybillError {
  return new WaybillError(`no password: ${why}`, {
    code: "PASSWORD_MISSING",
    family: "caller",
    remedy: "Give it by --password-file <file>, or - to read it from standard input.",
  });
}
