import { fromUtf8 } from "@waybill/base";
import {
  type DirectoryView,
  fromFiletime,
  UserAccountControl,
  type UserAccountControlFlag,
  userAccountControlLabels,
} from "@waybill/directory";
import { docsOf, type FindingId, findingKinds } from "../findings/catalogue.ts";
import { enumerate } from "../findings/examination.ts";
import type { Evidence, Finding } from "../findings/finding.ts";
import { trusteesOf } from "../repair/attribute-diff.ts";
import { psQuote, shQuote } from "../repair/commands.ts";
import { advice } from "../repair/remedy.ts";
import { compareControllers, type ReplicationDifference } from "./compare-controllers.ts";
import type { ClockReading } from "./kdc-clock.ts";
import type { ControllerSurvey } from "./survey-controllers.ts";

const minute = 60_000;
/** What Kerberos tolerates unless a policy says otherwise. */
const tolerated = 5 * minute;
const noticeable = minute;
/** Objects told one by one; a replication that stands still has thousands. */
const mostDifferences = 25;

/** Findings about the controllers themselves: what they disagree about, their clocks, who does not answer. */
export function controllerFindings(view: DirectoryView, survey: ControllerSurvey): Finding[] {
  const accounts = [
    ...new Map(
      survey.controllers
        .flatMap(({ accounts: read }) => [...read.keys()])
        .flatMap((sid) => view.bySid(sid) ?? [])
        .map((account) => [account.sid, account]),
    ).values(),
  ];
  const differences = compareControllers(survey.controllers, accounts);
  return [
    ...differences.slice(0, mostDifferences).map((difference) => differenceFinding(view, difference)),
    ...moreFinding(differences.slice(mostDifferences)),
    ...clockFindings(survey),
    ...silentFindings(survey),
  ];
}

function differenceFinding(
  view: DirectoryView,
  { account, attribute, at, latest }: ReplicationDifference,
): Finding {
  const { samAccountName: name, dn } = account;
  const key = attribute.toLowerCase();
  const common = commonValues(at.map(({ reading }) => reading?.values.get(key) ?? []));
  const told = at.map(({ controller, reading }) => ({
    controller,
    reading,
    words:
      reading === undefined
        ? "no such account"
        : attribute === ""
          ? "there"
          : valueWords(view, key, reading.values.get(key) ?? [], common),
  }));
  const groups = new Map<string, string[]>();
  for (const { controller, words } of told)
    groups.set(words, [...(groups.get(words) ?? []), controller.name]);
  const sides = [...groups].map(([words, names]) => `${words} on ${enumerate(names)}`);
  const newest = latest ?? at[0]?.controller;
  const behind = told.filter(
    ({ words }) => words !== told.find(({ controller }) => controller === newest)?.words,
  );
  const subject =
    attribute === "" ? `${name} is not on every domain controller` : `${attribute} of ${name} differs`;
  return finding("controllers-differ", {
    cause: `${subject}: ${sides.join("; ")}${latest === undefined ? "" : `. The latest value is the one of ${latest.name}`}.`,
    evidence: told.map(({ controller, reading, words }): Evidence => {
      const stamp = reading?.stamps.get(key);
      const since =
        stamp === undefined
          ? reading === undefined
            ? ""
            : ` [whenChanged ${reading.whenChanged ?? "unreadable"}, uSNChanged ${reading.usnChanged ?? "unreadable"}]`
          : ` [version ${stamp.version}, changed ${new Date(stamp.changed).toISOString()} on ${stamp.origin}]`;
      return {
        object: reading?.dn ?? dn,
        account: name,
        attribute: attribute === "" ? "distinguishedName" : attribute,
        value: `${words}${since}`,
        readFrom: controller.name,
      };
    }),
    effect: `Whether ${name} can take part in a migration depends on which domain controller is asked, so the same move works and fails from one minute to the next.`,
    remedies: [
      advice(
        `Wait for replication (seconds within a site, 15 minutes or more between sites), or have ${behind.length === 0 ? "the others" : enumerate(behind.map(({ controller }) => controller.name))} fetch it${newest === undefined ? "" : ` from ${newest.name}`} now.`,
        {
          powershell: [
            ...behind.flatMap(({ controller }) =>
              newest === undefined
                ? []
                : [
                    `repadmin /replsingleobj ${psQuote(controller.name)} ${psQuote(newest.name)} ${psQuote(dn)}`,
                  ],
            ),
            "repadmin /syncall /AdeP",
            "repadmin /showrepl * /csv",
          ],
          sambaTool: behind.flatMap(({ controller }) =>
            newest === undefined
              ? []
              : [
                  `samba-tool drs replicate ${shQuote(controller.name)} ${shQuote(newest.name)} ${shQuote(view.domain.dn)}`,
                ],
          ),
        },
      ),
    ],
  });
}

function moreFinding(rest: readonly ReplicationDifference[]): Finding[] {
  if (rest.length === 0) return [];
  return [
    finding("controllers-differ", {
      cause: `${rest.length} more attributes differ between domain controllers, of ${enumerate([...new Set(rest.map(({ account }) => account.samAccountName))])}: replication seems to stand still.`,
      evidence: rest.slice(0, 20).map(({ account, attribute }) => ({
        object: account.dn,
        account: account.samAccountName,
        attribute,
        value: "(differs)",
      })),
      effect: "Which settings hold depends on which domain controller is asked.",
      remedies: [
        advice("Repair replication.", {
          powershell: ["repadmin /replsummary", "repadmin /syncall /AdeP"],
          sambaTool: ["samba-tool drs showrepl"],
        }),
      ],
    }),
  ];
}

function clockFindings({ controllers, kdcs }: ControllerSurvey): Finding[] {
  const clocks = [
    ...controllers.map(({ name, clock }) => ({ name, clock, how: "currentTime of the root DSE" })),
    ...kdcs.map(({ name, clock }) => ({ name, clock, how: "stime of a KRB-ERROR" })),
  ].flatMap(({ clock, ...rest }) => (clock === undefined ? [] : [{ ...rest, clock }]));
  const off = clocks.filter(({ clock }) => certain(clock) >= noticeable);
  const everybody = off.length === clocks.length && clocks.length > 1;
  return off.map(({ name, clock, how }) => {
    const bad = certain(clock) >= tolerated;
    const skew = `${duration(clock.ahead)} ${clock.ahead > 0 ? "ahead of" : "behind"}`;
    return finding("controller-clock", {
      severity: bad ? "error" : "warning",
      cause: `The clock of ${name} is ${skew} this machine's${everybody ? ", as are all others: it may be this machine's that is wrong" : ""}.`,
      evidence: [
        {
          object: name,
          account: "",
          attribute: how,
          value: `${clock.ahead > 0 ? "+" : ""}${(clock.ahead / 1000).toFixed(1)} s (± ${(clock.error / 1000).toFixed(1)} s)`,
          readFrom: name,
        },
      ],
      effect: bad
        ? "Kerberos tolerates 5 minutes: whoever has the right time is refused with KRB_AP_ERR_SKEW, and tickets of that KDC are not yet or no longer valid elsewhere."
        : "Kerberos tolerates 5 minutes; a clock that is off by a minute is on its way there.",
      remedies: [
        advice(
          "Have all machines follow the controller with the PDC emulator role, and that one a good source.",
          {
            powershell: ["w32tm /query /status", "w32tm /resync /rediscover"],
            sambaTool: ["chronyc tracking", "chronyc makestep"],
          },
        ),
      ],
    });
  });
}

/** How far off it is at least. */
function certain({ ahead, error }: ClockReading): number {
  return Math.abs(ahead) - error;
}

function silentFindings({ controllers, kdcs }: ControllerSurvey): Finding[] {
  return [...controllers, ...kdcs].flatMap(({ name, failure }) =>
    failure === undefined
      ? []
      : [
          finding("controller-unreachable", {
            cause: `${name} could not be asked: ${failure.replace(/\.$/, "")}.`,
            evidence: [{ object: name, account: "", attribute: "", value: failure }],
            effect:
              "Its state and its clock could not be compared; who is sent there waits, and may be refused.",
            remedies: [
              advice(
                "If it is gone for good, remove it from the directory and from DNS; otherwise look at the machine and the firewall (ports 88 and 389).",
                {
                  powershell: ["Get-ADDomainController -Filter *", "nltest /dsgetdc: /force"],
                  sambaTool: [`samba-tool domain demote --remove-other-dead-server=${shQuote(name)}`],
                },
              ),
            ],
          }),
        ],
  );
}

function finding(
  id: FindingId,
  parts: Omit<Finding, "id" | "severity" | "docs"> & Partial<Pick<Finding, "severity">>,
): Finding {
  return { id, severity: findingKinds[id].severity, docs: docsOf(id), ...parts };
}

/** Texts that are among the values everywhere. */
function commonValues(lists: readonly (readonly Uint8Array[])[]): ReadonlySet<string> {
  const [first = [], ...rest] = lists.map((values) => values.map((value) => fromUtf8(value).toLowerCase()));
  return new Set(first.filter((value) => rest.every((other) => other.includes(value))));
}

function valueWords(
  view: DirectoryView,
  attribute: string,
  values: readonly Uint8Array[],
  common: ReadonlySet<string>,
): string {
  if (values.length === 0) return "absent";
  if (attribute === "msds-allowedtoactonbehalfofotheridentity") {
    const names = trusteesOf(values[0]).map(
      (sid) => view.bySid(sid)?.samAccountName ?? view.groupBySid(sid)?.samAccountName ?? sid,
    );
    return names.length === 0 ? "a descriptor that names nobody" : enumerate(names);
  }
  const texts = values.map(fromUtf8).sort();
  const [first = ""] = texts;
  if (attribute === "useraccountcontrol") return `${first} (${flagWords(Number(first))})`;
  if (attribute === "pwdlastset" || attribute === "accountexpires") {
    const moment = fromFiletime(first);
    return moment === undefined ? first : new Date(moment).toISOString();
  }
  const own = texts.filter((text) => !common.has(text.toLowerCase())).map((text) => `"${text}"`);
  if (own.length === 0) return `nothing besides the ${common.size} in common`;
  return `${enumerate(own, 4)}${common.size === 0 ? "" : ` besides the ${common.size} in common`}`;
}

function flagWords(bits: number): string {
  return (Object.entries(UserAccountControl) as [UserAccountControlFlag, number][])
    .filter(([, bit]) => (bits & bit) !== 0)
    .map(([flag]) => userAccountControlLabels[flag])
    .join(" ");
}

function duration(milliseconds: number): string {
  const seconds = Math.round(Math.abs(milliseconds) / 1000);
  if (seconds < 120) return `${seconds} seconds`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} minutes` : `${(minutes / 60).toFixed(1)} hours`;
}
