import { WaybillError } from "@waybill/base";
import { countSteps, type Prediction, type Proof, Prover } from "@waybill/doctor";
import { type Credential, type Keytab, readKeytab } from "@waybill/kerberos";
import { style } from "../../output/style.ts";
import { currentLogin } from "../../session/login.ts";
import type { OpenDirectory } from "../../session/open-directory.ts";
import { readWorkstation, type Workstation } from "../../session/workstation.ts";

export interface ProveOptions {
  readonly keytab?: readonly string[] | undefined;
}

/** Moves proved in one run; each takes a handful of exchanges. */
const mostMoves = 200;

/** Proves with the keytabs named, or this machine's own where it may be read, and with the ticket of whoever is signed in. */
export async function proverFor(open: OpenDirectory, { keytab }: ProveOptions): Promise<Prover> {
  const workstation = open.session?.workstation ?? readWorkstation();
  const keytabs = await keytabsOf(workstation, keytab);
  const login = open.session?.tgt ?? (await loginOf(workstation));
  if (keytabs.length === 0 && login === undefined) {
    throw new WaybillError("nothing can be proved without a key or a ticket", {
      code: "NOTHING_TO_PROVE_WITH",
      family: "caller",
      remedy: "Sign in (kinit), or name a host's keytab with --keytab.",
    });
  }
  return new Prover({
    client: workstation.client,
    view: open.directory,
    keytabs,
    tickets: login === undefined ? [] : [login],
  });
}

/** A move that may be proved: told only when it is, for there may be millions. */
export interface ProvableMove {
  /** Accounts that ask something in it. */
  readonly askers: readonly string[];
  readonly tell: () => Prediction;
}

/** Proves the moves that there is something to ask with for; no more than a run should take. */
export async function proveMoves(
  prover: Prover,
  moves: Iterable<ProvableMove>,
): Promise<{ readonly proofs: Proof[]; readonly left: number }> {
  const proofs: Proof[] = [];
  let left = 0;
  for (const { askers, tell } of moves) {
    if (!askers.some((name) => prover.canAskAs(name))) continue;
    if (proofs.length < mostMoves) proofs.push(await prover.prove(tell()));
    else left++;
  }
  return { proofs, left };
}

export function proofsText(proofs: readonly Proof[], left: number): string {
  if (proofs.length === 0) return style.warn("Proved: nothing, for want of a key or ticket (see --keytab).");
  const counts = countSteps(proofs);
  const words = `Proved: ${proofs.length} ${proofs.length === 1 ? "move" : "moves"}; ${counts.agrees} exchanges as predicted, ${counts.differs} otherwise, ${counts["not-tried"]} not tried for want of a key or ticket${left === 0 ? "" : `; ${left} more moves were left out`}.`;
  return counts.differs > 0 ? style.bad(words) : style.good(words);
}

async function keytabsOf(
  workstation: Workstation,
  files: readonly string[] | undefined,
): Promise<readonly Keytab[]> {
  if (files !== undefined) return await Promise.all(files.map((file) => readKeytab(file)));
  const usual =
    process.env.KRB5_KTNAME ?? workstation.krb5.libdefaults.defaultKeytabName ?? "/etc/krb5.keytab";
  try {
    return [await readKeytab(usual.replace(/^(WR)?FILE:/i, ""))];
  } catch {
    // The machine's own is root's: without it there is less to prove.
    return [];
  }
}

async function loginOf(workstation: Workstation): Promise<Credential | undefined> {
  try {
    return await currentLogin(workstation);
  } catch (error) {
    if (error instanceof WaybillError && error.code === "NOT_LOGGED_IN") return undefined;
    throw error;
  }
}
