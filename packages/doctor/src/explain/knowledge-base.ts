import { docsOf, type FindingId, findingKinds } from "../findings/catalogue.ts";
import type { ExplainEntry } from "./entry.ts";
import { delegationCodes } from "./knowledge/delegation-codes.ts";
import { events } from "./knowledge/events.ts";
import { kerberosCodes } from "./knowledge/kerberos-codes.ts";
import { ntStatusCodes } from "./knowledge/nt-status.ts";
import { ownDirectoryCodes } from "./knowledge/own-directory-codes.ts";
import { ownHostCodes } from "./knowledge/own-host-codes.ts";
import { ownKerberosCodes } from "./knowledge/own-kerberos-codes.ts";
import { ownToolCodes } from "./knowledge/own-tool-codes.ts";
import { platformCodes } from "./knowledge/platform-codes.ts";
import { winrmFaults, winrmMessages } from "./knowledge/winrm.ts";
import { jobStates, wmiReturnValues } from "./knowledge/wmi.ts";

const findings: readonly ExplainEntry[] = (Object.keys(findingKinds) as FindingId[]).map((id) => ({
  kind: "finding",
  name: id,
  meaning: `A finding of the doctor: ${findingKinds[id].title}.`,
  causes: [{ cause: "The finding's own sentence names object and attribute.", checks: [id] }],
  remedy: "Run `waybill doctor`: it gives the remedy as PowerShell, samba-tool and LDIF.",
  docs: docsOf(id),
  weight: 9,
}));

/** Everything that can be explained; of equals, the first is the likeliest to be meant. */
export const knowledgeBase: readonly ExplainEntry[] = [
  ...delegationCodes,
  ...platformCodes,
  ...winrmMessages,
  ...winrmFaults,
  ...kerberosCodes,
  ...ntStatusCodes,
  ...events,
  ...wmiReturnValues,
  ...jobStates,
  ...ownHostCodes,
  ...ownKerberosCodes,
  ...ownDirectoryCodes,
  ...ownToolCodes,
  ...findings,
];
