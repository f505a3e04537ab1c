import {
  array,
  boolean,
  looseObject,
  number,
  object,
  optional,
  picklist,
  record,
  strictObject,
  string,
  union,
} from "valibot";

// The documents of `waybill doctor --json`, as docs/doctor.md describes them: a field more or less is a failure.

const evidence = strictObject({
  object: string(),
  account: string(),
  attribute: string(),
  value: string(),
  readFrom: optional(string()),
});
const octets = strictObject({ base64: string() });
const diff = strictObject({
  dn: string(),
  account: string(),
  sid: string(),
  attribute: string(),
  before: array(union([string(), octets])),
  after: array(union([string(), octets])),
  lines: array(string()),
  opens: array(string()),
});
const finding = strictObject({
  id: string(),
  severity: picklist(["critical", "error", "warning", "notice"]),
  cause: string(),
  evidence: array(evidence),
  effect: string(),
  remedies: array(
    strictObject({
      summary: string(),
      opens: array(string()),
      automatic: boolean(),
      diffs: array(diff),
      powershell: array(string()),
      sambaTool: array(string()),
      ldif: string(),
    }),
  ),
  docs: string(),
});
const outcome = picklist(["works", "depends-on-name", "fails"]);

export const reportDocument = strictObject({
  schema: picklist(["waybill.doctor/1"]),
  domain: string(),
  profile: string(),
  readFrom: string(),
  accounts: number(),
  hosts: array(string()),
  people: array(string()),
  findings: array(finding),
  matrix: strictObject({
    counts: record(outcome, number()),
    cells: optional(
      array(strictObject({ person: string(), source: string(), destination: string(), outcome })),
    ),
  }),
  exposure: strictObject({
    exposures: array(
      strictObject({
        account: string(),
        sid: string(),
        kind: picklist(["unconstrained", "any-protocol", "kerberos-only", "resource-based"]),
        towards: optional(array(string())),
        people: optional(number()),
      }),
    ),
    impersonators: number(),
    people: number(),
    delegable: number(),
    pairs: number(),
  }),
});

export const movesDocument = looseObject({
  schema: picklist(["waybill.doctor/1"]),
  domain: string(),
  readFrom: string(),
  moves: array(
    strictObject({
      prediction: looseObject({
        person: string(),
        source: string(),
        destination: string(),
        outcome,
        exchanges: array(
          looseObject({
            kind: string(),
            by: string(),
            client: string(),
            service: string(),
            decision: picklist(["granted", "refused"]),
            flags: array(string()),
            reasons: array(object({ id: string(), sentence: string() })),
          }),
        ),
      }),
      findings: array(finding),
    }),
  ),
  findings: array(finding),
});
