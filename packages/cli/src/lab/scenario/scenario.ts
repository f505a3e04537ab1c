import { readdirSync, readFileSync } from "node:fs";
import { WaybillError } from "@waybill/base";
import { evidenceModes, parseYaml } from "@waybill/host";
import * as v from "valibot";
import { assetPath } from "../asset-path.ts";

/**
 * A scenario: what the directory and the hosts are set to, what people then try, and what must come of it. The files
 * in `packages/cli/scenarios` are the examples; an administrator can write more.
 */
const text = v.pipe(v.string(), v.nonEmpty());
const names = v.array(text);
const byName = <T extends v.GenericSchema>(value: T) => v.record(text, value);

const delegation = v.strictObject({
  /** Hosts whose migration service and cifs are listed, short and full name. */
  to: v.optional(names),
  /** Single service names. */
  spns: v.optional(names),
  protocol: v.optional(v.picklist(["kerberos", "any"])),
  /** Resource-based: accounts that may act for people here. */
  from: v.optional(names),
});

const directoryChange = v.strictObject({
  delegation: v.optional(byName(delegation)),
  flags: v.optional(byName(byName(v.boolean()))),
  addSpn: v.optional(byName(names)),
  removeSpn: v.optional(byName(names)),
  attributes: v.optional(byName(byName(text))),
  leaveGroup: v.optional(byName(names)),
  joinGroup: v.optional(byName(names)),
});

const route = {
  as: text,
  from: text,
  to: text,
  /** A management server between the person and the source. */
  via: v.optional(text),
  /** The person signs in on the source host itself. */
  "at-source": v.optional(v.boolean(), false),
};

/** Where Samba's KDC departs from Active Directory: what comes of the step there instead (`skipped`: it is left out), and why. */
const onSamba = <T extends v.GenericSchema>(expectation: T) =>
  v.optional(v.strictObject({ because: text, expect: v.union([v.literal("skipped"), expectation]) }));

const moveExpectation = v.union([
  v.literal("moved"),
  v.strictObject({
    /** The host's error code; the name of the KDC's where it never came to the host. */
    refused: v.pipe(text, v.regex(/^(0x[0-9A-F]{8}|KDC_ERR_\w+)$/)),
    /** Waybill's name of the refusal. */
    code: v.optional(text),
    /** Something the message must say. */
    says: v.optional(v.union([text, names])),
  }),
]);

const move = v.strictObject({
  move: v.strictObject(route),
  expect: moveExpectation,
  samba: onSamba(moveExpectation),
});

/** The named reason of the policy, or that it works. */
const doctorExpectation = v.strictObject({
  reason: v.optional(text),
  works: v.optional(v.boolean()),
  says: v.optional(v.union([text, names])),
});

const doctor = v.strictObject({
  doctor: v.strictObject(route),
  expect: doctorExpectation,
  samba: onSamba(doctorExpectation),
});

const step = v.union([
  v.strictObject({ say: text }),
  v.strictObject({ directory: directoryChange }),
  v.strictObject({ evidence: v.picklist(evidenceModes) }),
  /** Changes entries of hosts' configurations, and restarts them. */
  v.strictObject({ hosts: byName(v.record(text, v.unknown())) }),
  /** Seconds a host's clock is wrong by, until the scenario ends. */
  v.strictObject({ clock: byName(v.number()) }),
  /** Hosts start anew and drop their tickets. */
  v.strictObject({ restart: names }),
  move,
  doctor,
  /** Both hosts' records of the last finished move name this person, and the host that acted for them. */
  v.strictObject({ audit: v.strictObject({ person: text, through: text }) }),
  v.strictObject({
    repair: v.strictObject({
      ...route,
      mode: v.optional(v.picklist(["auto", "kerberos-only", "any-protocol", "resource-based"]), "auto"),
    }),
  }),
]);

const schema = v.strictObject({
  name: v.pipe(text, v.regex(/^[a-z0-9-]+$/)),
  title: text,
  about: text,
  /** How hosts hold evidence at first. */
  evidence: v.optional(v.picklist(evidenceModes), "s4u2self"),
  steps: v.array(step),
});

export type Scenario = v.InferOutput<typeof schema>;
export type ScenarioStep = Scenario["steps"][number];
export type MoveStep = v.InferOutput<typeof move>;
export type AuditStep = Extract<ScenarioStep, { audit: unknown }>;
export type DoctorStep = v.InferOutput<typeof doctor>;
export type Route = MoveStep["move"];

const folder = assetPath("scenarios");

export function scenarioNames(): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => file.slice(0, -".yaml".length))
    .toSorted();
}

/** @param name one of `scenarioNames()`, or a path to a file. @throws WaybillError SCENARIO_UNKNOWN, SCENARIO_INVALID */
export function readScenario(name: string): Scenario {
  const path = name.includes("/") ? name : `${folder}/${name}.yaml`;
  let source: string;
  try {
    source = readFileSync(path, "utf8");
  } catch (cause) {
    throw new WaybillError(`there is no scenario ${name}`, {
      code: "SCENARIO_UNKNOWN",
      family: "caller",
      remedy: `Known: ${scenarioNames().join(", ")}; or give a path with a slash in it.`,
      cause,
    });
  }
  return parseYaml(schema, source, (problem, cause) => invalid(path, problem, cause));
}

function invalid(path: string, problem: string, cause: unknown): WaybillError {
  return new WaybillError(`${path} is not a scenario: ${problem}`, {
    code: "SCENARIO_INVALID",
    family: "caller",
    cause,
  });
}
