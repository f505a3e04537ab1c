import { readFileSync } from "node:fs";
import { WaybillError } from "@waybill/base";

/**
 * A password from a file's first line, from standard input (`-`), or, without a file, from the terminal. Never from
 * the command line, which everybody on the machine can read.
 */
export async function readPassword(file: string | undefined, prompt: string): Promise<string> {
  const text = file === undefined ? await askTerminal(prompt) : readFileSync(file === "-" ? 0 : file, "utf8");
  const [password = ""] = text.split(/\r?\n/, 1);
  if (password === "") {
    throw new WaybillError("the password is empty", { code: "BAD_USAGE", family: "caller" });
  }
  return password;
}

const enter = new Set(["\r", "\n", "\u0004"]);
const backspace = new Set(["\u007f", "\b"]);

async function askTerminal(prompt: string): Promise<string> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) {
    throw new WaybillError("no password was given, and there is no terminal to ask for one", {
      code: "BAD_USAGE",
      family: "caller",
      remedy: "Give --password-file FILE, or --password-file - to read standard input.",
    });
  }
  stderr.write(`${prompt}: `);
  stdin.setRawMode(true);
  stdin.resume();
  stdin.setEncoding("utf8");
  try {
    return await new Promise<string>((resolve, reject) => {
      let typed = "";
      const onData = (chunk: string): void => {
        for (const character of chunk) {
          if (character === "\u0003") {
            stdin.off("data", onData);
            reject(new WaybillError("cancelled", { code: "ABORTED", family: "caller" }));
            return;
          }
          if (enter.has(character)) {
            stdin.off("data", onData);
            resolve(typed);
            return;
          }
          typed = backspace.has(character) ? typed.slice(0, -1) : typed + character;
        }
      };
      stdin.on("data", onData);
    });
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    stderr.write("\n");
  }
}
