import { errorToJson, WaybillError } from "@waybill/base";
import type { Explanation } from "@waybill/kerberos";
import { ExitCode, exitCodeOf } from "./exit-code.ts";
import { formatExplanation } from "./explanation.ts";
import { errorStyle as style } from "./style.ts";
import { wrapForTerminal } from "./wrap-text.ts";

/** Tells a person what went wrong and what to do; never a stack. Returns the exit status. */
export async function reportError(error: unknown, json: boolean): Promise<number> {
  const remedy = error instanceof WaybillError ? await remedyOf(error) : undefined;
  if (json) {
    const told = { ...errorToJson(error), ...(remedy === undefined ? {} : { remedy }) };
    process.stdout.write(`${JSON.stringify({ error: told })}\n`);
    return error instanceof WaybillError ? exitCodeOf(error.code) : ExitCode.failed;
  }
  if (!(error instanceof WaybillError)) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${style.bad("waybill met an error it did not expect:")} ${message}\n`);
    if (process.env.WAYBILL_DEBUG !== undefined && error instanceof Error)
      process.stderr.write(`${error.stack}\n`);
    else process.stderr.write("Set WAYBILL_DEBUG=1 to see where, and report it.\n");
    return ExitCode.failed;
  }
  const lines = [style.bad(error.message)];
  lines.push(style.faint(`code ${error.code}${hresultOf(error)}`));
  if (remedy !== undefined) lines.push(`${style.strong("What to do:")} ${remedy}`);
  const explanation = explanationOf(error);
  if (explanation !== undefined) lines.push(formatExplanation(explanation));
  process.stderr.write(`${wrapForTerminal(lines.join("\n"), process.stderr)}\n`);
  return exitCodeOf(error.code);
}

/** What to do: as the error itself says, or else as `waybill explain` says of its code. */
async function remedyOf({ code, remedy }: WaybillError): Promise<string | undefined> {
  if (remedy !== undefined) return remedy;
  // Loaded when it is needed: what goes well does not wait for it.
  const { knowledgeBase } = await import("@waybill/doctor");
  return knowledgeBase.find(({ name }) => name === code)?.remedy;
}

function hresultOf(error: WaybillError): string {
  const value = "hresult" in error ? error.hresult : undefined;
  return typeof value === "number" ? ` (0x${value.toString(16).toUpperCase().padStart(8, "0")})` : "";
}

/** Kerberos refusals bring one. Found by its shape: telling what went wrong must not load the whole library. */
function explanationOf(error: WaybillError): Explanation | undefined {
  return "explanation" in error ? (error.explanation as Explanation | undefined) : undefined;
}
