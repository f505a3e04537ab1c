import { UserAccountControl, type UserAccountControlFlag } from "@waybill/directory";
import { type AttributeDiff, delegationAttributes, trusteesOf } from "./attribute-diff.ts";

export interface Commands {
  readonly powershell: readonly string[];
  readonly sambaTool: readonly string[];
}

/** The commands an administrator would type for a diff. */
export function commandsOf(diff: AttributeDiff, nameOf: (sid: string) => string): Commands {
  switch (diff.attribute) {
    case delegationAttributes.list:
      return listCommands(diff);
    case delegationAttributes.names:
      return nameCommands(diff);
    case delegationAttributes.flags:
      return flagCommands(diff);
    case delegationAttributes.resource:
      return resourceCommands(diff, nameOf);
    default:
      return valueCommands(diff);
  }
}

function listCommands(diff: AttributeDiff): Commands {
  const { added, removed } = delta(diff);
  const set = (verb: "Add" | "Remove", values: readonly string[]): string[] =>
    values.length === 0
      ? []
      : [`${setAd(diff)} -${verb} @{'msDS-AllowedToDelegateTo'=@(${values.map(psQuote).join(", ")})}`];
  return {
    powershell: [...set("Remove", removed), ...set("Add", added)],
    sambaTool: [
      ...removed.map((spn) => `samba-tool delegation del-service ${shQuote(diff.account)} ${shQuote(spn)}`),
      ...added.map((spn) => `samba-tool delegation add-service ${shQuote(diff.account)} ${shQuote(spn)}`),
    ],
  };
}

function nameCommands(diff: AttributeDiff): Commands {
  const { added, removed } = delta(diff);
  const account = diff.account.replace(/\$$/, "");
  return {
    powershell: [
      ...removed.map((spn) => `setspn -D ${psQuote(spn)} ${psQuote(account)}`),
      ...added.map((spn) => `setspn -S ${psQuote(spn)} ${psQuote(account)}`),
    ],
    sambaTool: [
      ...removed.map((spn) => `samba-tool spn delete ${shQuote(spn)} ${shQuote(diff.account)}`),
      ...added.map((spn) => `samba-tool spn add ${shQuote(spn)} ${shQuote(diff.account)}`),
    ],
  };
}

const powershellFlags: Partial<Record<UserAccountControlFlag, string>> = {
  trustedToAuthForDelegation: "TrustedToAuthForDelegation",
  trustedForDelegation: "TrustedForDelegation",
  notDelegated: "AccountNotDelegated",
  useDesKeyOnly: "UseDESKeyOnly",
  dontRequirePreauth: "DoesNotRequirePreAuth",
};

function flagCommands(diff: AttributeDiff): Commands {
  const before = Number(diff.before[0] ?? 0);
  const after = Number(diff.after[0] ?? 0);
  const account = shQuote(diff.account);
  const powershell: string[] = [];
  const sambaTool: string[] = [];
  for (const [name, bit] of Object.entries(UserAccountControl) as [UserAccountControlFlag, number][]) {
    if (((before ^ after) & bit) === 0) continue;
    const on = (after & bit) !== 0;
    const flag = powershellFlags[name];
    if (name === "accountDisable") {
      powershell.push(`${on ? "Disable" : "Enable"}-ADAccount -Identity ${psQuote(diff.account)}`);
      sambaTool.push(`samba-tool user ${on ? "disable" : "enable"} ${account}`);
      continue;
    }
    if (flag !== undefined)
      powershell.push(
        `Set-ADAccountControl -Identity ${psQuote(diff.account)} -${flag} $${on ? "true" : "false"}`,
      );
    else powershell.push(`${setAd(diff)} -Replace @{userAccountControl=${after}}`);
    const state = on ? "on" : "off";
    if (name === "trustedToAuthForDelegation")
      sambaTool.push(`samba-tool delegation for-any-protocol ${account} ${state}`);
    else if (name === "trustedForDelegation")
      sambaTool.push(`samba-tool delegation for-any-service ${account} ${state}`);
    else if (name === "notDelegated") sambaTool.push(`samba-tool user sensitive ${account} ${state}`);
  }
  return { powershell, sambaTool };
}

function resourceCommands(diff: AttributeDiff, nameOf: (sid: string) => string): Commands {
  const [before, after] = [octetsOf(diff.before[0]), octetsOf(diff.after[0])];
  const had = trusteesOf(before);
  const has = trusteesOf(after);
  const names = has.map(nameOf).map(psQuote).join(", ");
  const target = shQuote(diff.account);
  return {
    powershell: [
      `${setAd(diff)} -PrincipalsAllowedToDelegateToAccount ${has.length === 0 ? "$null" : names}`,
    ],
    sambaTool: [
      ...had
        .filter((sid) => !has.includes(sid))
        .map((sid) => `samba-tool delegation del-principal ${target} ${shQuote(nameOf(sid))}`),
      ...has
        .filter((sid) => !had.includes(sid))
        .map((sid) => `samba-tool delegation add-principal ${target} ${shQuote(nameOf(sid))}`),
    ],
  };
}

function valueCommands(diff: AttributeDiff): Commands {
  const [value] = diff.after;
  const text = typeof value === "string" ? value : "";
  return {
    powershell: [
      text === ""
        ? `${setAd(diff)} -Clear ${diff.attribute}`
        : `${setAd(diff)} -Replace @{'${diff.attribute}'=${/^-?\d+$/.test(text) ? text : psQuote(text)}}`,
    ],
    sambaTool:
      diff.attribute === delegationAttributes.encryption
        ? [`net ads enctypes set ${shQuote(diff.account)} ${text}`]
        : [],
  };
}

function delta({ before, after }: AttributeDiff): { added: string[]; removed: string[] } {
  const texts = (values: readonly unknown[]): string[] => values.filter((value) => typeof value === "string");
  const [had, has] = [texts(before), texts(after)];
  const keys = (values: readonly string[]): Set<string> =>
    new Set(values.map((value) => value.toLowerCase()));
  const [old, now] = [keys(had), keys(has)];
  return {
    added: has.filter((value) => !old.has(value.toLowerCase())),
    removed: had.filter((value) => !now.has(value.toLowerCase())),
  };
}

function octetsOf(value: unknown): Uint8Array | undefined {
  return value instanceof Uint8Array ? value : undefined;
}

function setAd({ account }: AttributeDiff): string {
  const computer = account.endsWith("$");
  return `Set-AD${computer ? "Computer" : "User"} -Identity ${psQuote(computer ? account.slice(0, -1) : account)}`;
}

/** A PowerShell literal: typographic quotes end a literal too, and are doubled like straight ones. */
export function psQuote(text: string): string {
  return `'${text.replace(/['\u2018\u2019\u201a\u201b]/g, "$&$&")}'`;
}

/** A literal of POSIX shells; bare when nothing in it is special. */
export function shQuote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
