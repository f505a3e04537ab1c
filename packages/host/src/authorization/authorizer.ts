import { HostError, Hresult } from "../errors.ts";
import type { Caller } from "./caller.ts";
import { wellKnownSid } from "./well-known-names.ts";

/** What a person may do on a host. */
export const rights = [
  "list",
  "operate",
  "console",
  "define",
  "move-out",
  "accept",
  "configure",
  "audit",
] as const;
export type Right = (typeof rights)[number];

/** One line of the host's access list. Nothing is allowed that no rule allows. */
export interface AccessRule {
  /** SIDs, names of the host's own groups, of well-known groups, or of the domain's users and groups. */
  readonly who: readonly string[];
  readonly may: readonly Right[];
  /** Names of VMs; `*` stands for any run of characters. All VMs unless given. */
  readonly vms?: readonly string[] | undefined;
}

export interface AccessPolicy {
  readonly rules: readonly AccessRule[];
  /** The host's own groups: name → their members, as SIDs or names of the domain. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
  /** Refuse people whose identity a service asserted (S-1-18-2) instead of the KDC (S-1-18-1). */
  readonly requireProofOfIdentity: boolean;
  /** Hosts that may act for people here; every host of the domain unless given. */
  readonly delegatingHosts?: readonly string[] | undefined;
  /** Also let people in who come with their own ticket instead of through a delegating host. Off unless set. */
  readonly acceptDirect?: boolean | undefined;
}

/** Names of an access list that only the directory can turn into SIDs. */
export function directoryNamesOf({ rules, groups }: Pick<AccessPolicy, "rules" | "groups">): string[] {
  const own = new Set(Object.keys(groups).map((name) => name.toLowerCase()));
  const names = [
    ...rules.flatMap(({ who }) => who.filter((name) => !own.has(name.toLowerCase()))),
    ...Object.values(groups).flat(),
  ];
  const asked = new Map(names.filter((name) => !isSid(name)).map((name) => [name.toLowerCase(), name]));
  return [...asked.values()].filter((name) => wellKnownSid(name) === undefined);
}

/**
 * Decides what a caller may do. Deny by default.
 *
 * @throws HostError `ACCESS_DENIED` (0x80070005), naming the right that is missing and who would have it.
 */
export class Authorizer {
  readonly #policy: AccessPolicy;
  readonly #host: string;
  readonly #directorySid: (name: string) => string | undefined;

  /** @param directorySid the SID of a user or group of the domain, as far as the directory has said. */
  constructor(
    host: string,
    policy: AccessPolicy,
    directorySid: (name: string) => string | undefined = () => undefined,
  ) {
    this.#host = host;
    this.#policy = policy;
    this.#directorySid = directorySid;
  }

  allows(caller: Caller, right: Right, vm?: string): boolean {
    return this.#policy.rules.some(
      (rule) =>
        rule.may.includes(right) &&
        (vm === undefined ||
          rule.vms === undefined ||
          rule.vms.some((pattern) => matchesName(pattern, vm))) &&
        rule.who.some((who) => this.#members(who).some((sid) => caller.sids.has(sid))),
    );
  }

  demand(caller: Caller, right: Right, vm?: string): void {
    if (this.allows(caller, right, vm)) return;
    const groups = this.#policy.rules.filter((rule) => rule.may.includes(right)).flatMap((rule) => rule.who);
    const unknown = groups.filter((who) => this.#members(who).length === 0);
    const what = vm === undefined ? `"${right}"` : `"${right}" for the virtual machine ${vm}`;
    throw accessDenied(
      `${caller.principal} is authenticated but does not have the right ${what} on ${this.#host}`,
      groups.length === 0
        ? `No rule on ${this.#host} grants "${right}": add one to the access list of the host's configuration.`
        : `Add ${caller.principal} to one of: ${[...new Set(groups)].join(", ")}; then sign in again, so that the new ticket carries the group.${unknown.length === 0 ? "" : ` Nobody is known to be in ${[...new Set(unknown)].join(", ")}: \`waybill host check\` says why.`}`,
      { principal: caller.principal, right, host: this.#host, ...(vm === undefined ? {} : { vm }) },
    );
  }

  /**
   * Checks how a person came to a destination: who asserted their identity, and which host acts for them.
   *
   * @param connectingHost the name the peer gave for itself, in full.
   */
  demandProvenance(caller: Caller, connectingHost: string): void {
    if (this.#policy.requireProofOfIdentity && caller.assertedBy !== "authentication-authority") {
      throw accessDenied(
        `${this.#host} requires proof of identity, and ${caller.principal} did not sign in to ${connectingHost}: the host asserted the identity itself (S-1-18-2)`,
        "Start the move from a session that was authenticated with Kerberos and let the source keep the ticket as evidence (evidence: ticket), or lift require-proof-of-identity on the destination.",
        { principal: caller.principal, assertedBy: caller.assertedBy },
      );
    }
    const delegating = caller.transitedServices.at(-1);
    if (delegating === undefined && this.#policy.acceptDirect === true) return;
    if (delegating === undefined || !isServiceOf(delegating, connectingHost)) {
      throw accessDenied(
        `the connection claims to come from ${connectingHost}, but the ticket of ${caller.principal} was ${delegating === undefined ? "not delegated to any host" : `delegated to ${delegating}`}`,
        "Check that both hosts use their own computer accounts; if they do, treat this as an attack.",
        { principal: caller.principal, host: connectingHost },
      );
    }
    const allowed = this.#policy.delegatingHosts;
    if (allowed !== undefined && !allowed.some((host) => isServiceOf(delegating, host))) {
      throw accessDenied(
        `${connectingHost} is not among the hosts that may act for people on ${this.#host}`,
        `Add ${connectingHost} to delegating-hosts in the configuration of ${this.#host}, or move the VM from another host.`,
        { principal: caller.principal, host: connectingHost },
      );
    }
  }

  #members(who: string): readonly string[] {
    const own = Object.entries(this.#policy.groups).find(
      ([name]) => name.toLowerCase() === who.toLowerCase(),
    );
    return (own?.[1] ?? [who]).flatMap((name) => this.#sid(name) ?? []);
  }

  #sid(name: string): string | undefined {
    return isSid(name) ? name : (wellKnownSid(name) ?? this.#directorySid(name));
  }
}

function isSid(name: string): boolean {
  return name.startsWith("S-1-");
}

/** Whether `service` (`KVM01$@LAB.TEST` or `WSMAN/kvm01.lab.test@LAB.TEST`) belongs to the host of that name. */
export function isServiceOf(service: string, host: string): boolean {
  const name = (service.split("@")[0] ?? "").toLowerCase();
  const full = host.toLowerCase();
  const short = full.split(".")[0] ?? full;
  if (name === `${short}$`) return true;
  const instance = name.split("/")[1];
  return instance === full || instance === short;
}

function matchesName(pattern: string, name: string): boolean {
  const parts = pattern
    .toLowerCase()
    .split("*")
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(name.toLowerCase());
}

function accessDenied(message: string, remedy: string, facts: Record<string, string>): HostError {
  return new HostError(message, {
    code: "ACCESS_DENIED",
    family: "caller",
    hresult: Hresult.accessDenied,
    remedy,
    facts,
  });
}
