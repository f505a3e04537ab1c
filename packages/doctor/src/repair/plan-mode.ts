import type { Account } from "@waybill/directory";
import type { EvidenceMode } from "../prediction/story.ts";

/** How delegation is set up. "auto": the least that works for each source host. */
export type PlanMode =
  | "auto"
  /** "Use Kerberos only": entries, no flag. Enough for hosts that show the person's own ticket. */
  | "kerberos-only"
  /** "Use any authentication protocol": entries and TRUSTED_TO_AUTH_FOR_DELEGATION. */
  | "any-protocol"
  /** On the destination; needs no right over the source host's account. */
  | "resource-based";

/** How one source host is set up, and why so. */
export interface ChosenMode {
  readonly source: string;
  readonly mode: Exclude<PlanMode, "auto">;
  readonly why: string;
}

/** The least that works for a source host, unless another way was asked for. */
export function chooseMode(
  source: Account,
  evidence: EvidenceMode,
  mode: PlanMode,
  mayEditComputers: boolean,
): ChosenMode {
  const name = source.samAccountName;
  if (mode !== "auto") return { source: name, mode, why: "as asked for" };
  if (!mayEditComputers) {
    const why = "the source host's account may not be changed, the destination's may";
    return { source: name, mode: "resource-based", why };
  }
  if (evidence === "ticket")
    return { source: name, mode: "kerberos-only", why: "the host shows the person's own ticket" };
  return {
    source: name,
    mode: "any-protocol",
    why: "the host cannot reach the person's ticket and uses S4U2Self",
  };
}
