import { equalBytes, fromUtf8, WaybillError } from "@waybill/base";
import { LdapError } from "@waybill/ldap";
import { DoctorError } from "../errors.ts";
import type { AttributeDiff } from "./attribute-diff.ts";
import { changesOf, groupByDn, inverse, ldifOf, octets, type ValueChange } from "./ldif-of-plan.ts";

/** The part of an LDAP client that applying a plan takes. */
export interface PlanLdap {
  readonly server?: string | undefined;
  modify(
    dn: string,
    changes: readonly ValueChange[],
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<void>;
  read(
    dn: string,
    options?: { readonly attributes?: readonly string[]; readonly signal?: AbortSignal | undefined },
  ): Promise<{ values(name: string): readonly Uint8Array[] } | undefined>;
}

export interface ApplyPlanOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called before each object is changed and with what undoes everything up to and including it. */
  readonly onStep?:
    | ((step: {
        readonly dn: string;
        readonly diffs: readonly AttributeDiff[];
        readonly undo: string;
      }) => void)
    | undefined;
}

export interface AppliedPlan {
  readonly applied: readonly AttributeDiff[];
  /** LDIF that takes it all back. */
  readonly undo: string;
  /** The server it was written on. */
  readonly server: string | undefined;
  /** Read back from that server and found as planned. */
  readonly verified: boolean;
  /** Attributes found otherwise afterwards. */
  readonly mismatches: readonly { readonly dn: string; readonly attribute: string }[];
  /** How long caches and replication may hide the change, one sentence each. */
  readonly hints: readonly string[];
}

/**
 * Writes a plan over LDAP, one modify for each object, in the plan's order. Each modify names the old values, so that a
 * change made by somebody else in the meantime is refused and not lost. Reads everything back at the end.
 *
 * @throws DoctorError PLAN_OUTDATED, PLAN_NOT_PERMITTED; PLAN_APPLIED_IN_PART when objects before had been changed,
 *   with the undo LDIF in `facts.undo`.
 */
export async function applyPlan(
  client: PlanLdap,
  plan: { readonly diffs: readonly AttributeDiff[] } | readonly AttributeDiff[],
  options: ApplyPlanOptions = {},
): Promise<AppliedPlan> {
  const diffs: readonly AttributeDiff[] = "diffs" in plan ? plan.diffs : plan;
  const { signal } = options;
  const applied: AttributeDiff[] = [];
  for (const [dn, group] of groupByDn(diffs)) {
    const undo = ldifOf([...applied, ...group].map(inverse).reverse());
    options.onStep?.({ dn, diffs: group, undo });
    try {
      await compareFirst(client, dn, group, signal);
      await client.modify(dn, group.flatMap(changesOf), { signal });
    } catch (error) {
      const failure = toDoctorError(error, dn, diffs);
      if (applied.length === 0) throw failure;
      throw new DoctorError(
        `${applied.length} of ${diffs.length} changes were made, then: ${failure instanceof Error ? failure.message : "it failed"}`,
        {
          code: "PLAN_APPLIED_IN_PART",
          family: "peer",
          facts: {
            applied: applied.length,
            planned: diffs.length,
            undo: ldifOf(applied.map(inverse).reverse()),
          },
          remedy: "Make a new plan to go on, or apply the undo LDIF to go back.",
          cause: failure,
        },
      );
    }
    applied.push(...group);
  }
  const mismatches = await verify(client, applied, signal);
  return {
    applied,
    undo: ldifOf(applied.map(inverse).reverse()),
    server: client.server,
    verified: mismatches.length === 0,
    mismatches,
    hints: applied.length === 0 ? [] : afterHints(client.server),
  };
}

/** What to know after a change of delegation settings. */
export function afterHints(server: string | undefined): string[] {
  return [
    `The change is on ${server ?? "the server it was written on"}; other domain controllers get it by replication (repadmin /syncall, or within 15 minutes as a rule).`,
    "Hosts keep old tickets and refusals for up to 15 minutes: on each source host run klist purge -li 0x3e7 (SYSTEM) and klist purge -li 0x3e4 (NETWORK SERVICE), or restart it; Waybill hosts ask anew at once.",
    "A person signed in before a change to their own account (sensitive, Protected Users) has to sign in again.",
  ];
}

/**
 * Samba takes the old value of userAccountControl in a modify on trust: single values are compared before as well.
 * The modify itself asserts them again wherever the server does.
 */
async function compareFirst(
  client: PlanLdap,
  dn: string,
  group: readonly AttributeDiff[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const single = group.filter(({ before, after }) => before.length <= 1 && after.length <= 1);
  if (single.length === 0) return;
  const entry = await client.read(dn, { attributes: single.map(({ attribute }) => attribute), signal });
  for (const { attribute, before } of single) {
    if (entry === undefined || !sameValues(entry.values(attribute), before.map(octets))) throw outdated(dn);
  }
}

function sameValues(found: readonly Uint8Array[], expected: readonly Uint8Array[]): boolean {
  return (
    found.length === expected.length &&
    expected.every((value) => found.some((now) => equalBytes(now, value) || sameText(now, value)))
  );
}

async function verify(
  client: PlanLdap,
  applied: readonly AttributeDiff[],
  signal: AbortSignal | undefined,
): Promise<{ dn: string; attribute: string }[]> {
  const wrong: { dn: string; attribute: string }[] = [];
  for (const [dn, group] of groupByDn(applied)) {
    const entry = await client.read(dn, { attributes: group.map(({ attribute }) => attribute), signal });
    for (const { attribute, after } of group) {
      if (!sameValues(entry?.values(attribute) ?? [], after.map(octets))) wrong.push({ dn, attribute });
    }
  }
  return wrong;
}

function sameText(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && fromUtf8(left).toLowerCase() === fromUtf8(right).toLowerCase();
}

function toDoctorError(error: unknown, dn: string, diffs: readonly AttributeDiff[]): unknown {
  if (!(error instanceof LdapError)) return error instanceof WaybillError ? error : error;
  if (error.is("noSuchAttribute") || error.is("attributeOrValueExists") || error.is("noSuchObject")) {
    return outdated(dn, error);
  }
  const refusals = ["insufficientAccessRights", "constraintViolation", "unwillingToPerform"] as const;
  if (refusals.some((name) => error.is(name))) {
    const classic = diffs.some(({ attribute }) => attribute !== "msDS-AllowedToActOnBehalfOfOtherIdentity");
    return new DoctorError(
      `the server does not let you change ${dn}: ${error.diagnosticMessage || error.resultName}`,
      {
        code: "PLAN_NOT_PERMITTED",
        family: "caller",
        facts: { dn },
        remedy: classic
          ? "Classic delegation takes SeEnableDelegationPrivilege (Domain Admins as a rule). Hand the commands of the plan to somebody who has it, or plan resource-based delegation."
          : "It takes the right to write msDS-AllowedToActOnBehalfOfOtherIdentity of the destination. Hand the commands of the plan to somebody who has it.",
        cause: error,
      },
    );
  }
  return error;
}

function outdated(dn: string, cause?: unknown): DoctorError {
  return new DoctorError(`${dn} was changed by somebody else since it was read; nothing was written to it`, {
    code: "PLAN_OUTDATED",
    family: "peer",
    facts: { dn },
    remedy: "Read the directory again and make a new plan.",
    cause,
  });
}
