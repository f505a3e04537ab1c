import { errorToJson, type LogFacts, type Logger, WaybillError } from "@waybill/base";
import { pino } from "pino";

/** JSON lines on standard output, for journald. Errors are written by code and message; causes too, never secrets. */
export function createHostLogger(level: string = process.env.WAYBILL_LOG ?? "info"): Logger {
  const log = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime });
  const write =
    (at: "debug" | "info" | "warn" | "error") =>
    (event: string, facts: LogFacts = {}): void =>
      log[at](plain(facts), event);
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}

function plain(facts: LogFacts): Record<string, unknown> {
  const entries = Object.entries(facts).map(([name, value]) => [
    name,
    value instanceof Error ? describe(value) : value,
  ]);
  return Object.fromEntries(entries) as Record<string, unknown>;
}

/** An unexpected error is a defect: its stack belongs into the service's own log, and nowhere else. */
function describe(error: Error): unknown {
  return error instanceof WaybillError ? errorToJson(error) : { ...errorToJson(error), stack: error.stack };
}
