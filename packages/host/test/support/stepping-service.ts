import { systemClock } from "@waybill/base";
import { createHostLogger, runService } from "../../src/index.ts";

/**
 * A host's service that asks its parent at every step of a migration whether to go on. The product has no
 * notion of this: it only lets steps be seen.
 */
let questions = 0;
const waiting = new Map<number, (verdict: string) => void>();

process.on("message", ({ id, verdict }: { id: number; verdict: string }) => waiting.get(id)?.(verdict));
process.on("disconnect", () => process.exit(1));

await runService(process.argv[2] ?? "", createHostLogger(), systemClock, async (step, migration) => {
  const id = ++questions;
  const answered = new Promise<string>((resolve) => waiting.set(id, resolve));
  process.send?.({ id, step, migration });
  const verdict = await answered;
  waiting.delete(id);
  if (verdict === "fail")
    throw Object.assign(new Error("no space left on the journal's device"), { code: "ENOSPC" });
});
process.send?.({ ready: true });
