import type { ExplainEntry } from "../entry.ts";
import { errorPage } from "./row.ts";

type Row = readonly [value: number, name: string, meaning: string, cause: string, remedy: string];

const rows: readonly Row[] = [
  [
    4096,
    "Job started",
    "The method has begun a job; whether it succeeds, the job tells.",
    "This is no error.",
    "Follow the job.",
  ],
  [
    4097,
    "Invalid state transition",
    "The machine cannot go from its state to the one asked for.",
    "It is off, saved, or being moved.",
    "Bring it into a state from which that is possible.",
  ],
  [
    4099,
    "Busy",
    "The machine is busy with another operation.",
    "Another job of it runs.",
    "Wait for that job.",
  ],
  [
    32768,
    "Failed",
    "The method failed; the number says no more.",
    "Anything: the job's error, or the event log, tells.",
    "Read the job's ErrorDescription and explain that.",
  ],
  [
    32769,
    "Access denied",
    "The host knows who asks and says no.",
    "The person is no Hyper-V administrator there.",
    "Make the person a member of Hyper-V Administrators on that host.",
  ],
  [
    32770,
    "Not supported",
    "The host does not offer that operation.",
    "An older release, or a feature that is off.",
    "Check the release and the features of the host.",
  ],
  [
    32771,
    "Status unknown",
    "The host does not know what became of the operation.",
    "The service was restarted in between.",
    "Look at the machine itself.",
  ],
  [
    32772,
    "Timed out",
    "The operation took too long.",
    "A busy host, or a peer that does not answer.",
    "Try again; check the network between the hosts.",
  ],
  [
    32773,
    "Invalid parameter",
    "A parameter of the method is not valid.",
    "A name or a setting that the host does not know.",
    "Read the job's error for the part that is wrong.",
  ],
  [
    32774,
    "In use",
    "Something that the operation needs is in use.",
    "A disk that is attached elsewhere, or another operation.",
    "End the other use first.",
  ],
  [
    32775,
    "Invalid state",
    "The machine's state does not allow the operation.",
    "It is off, paused, saved, or being moved.",
    "Bring it into a state from which that is possible.",
  ],
  [
    32776,
    "Incorrect data type",
    "A value has the wrong type.",
    "A script that passes text for a number.",
    "Correct the call.",
  ],
  [
    32777,
    "Not available",
    "The system is not available.",
    "The service is starting or stopping.",
    "Try again in a moment.",
  ],
  [
    32778,
    "Out of memory",
    "The host lacks memory for the operation.",
    "Other machines use it.",
    "Free memory, or choose another host.",
  ],
  [
    32784,
    "Not compatible",
    "The machine does not fit the destination.",
    "Processor, switch, or configuration version.",
    "`Compare-VM` on the source host lists the reasons.",
  ],
];

/** What methods of Hyper-V's WMI provider return, as ReturnValue. */
export const wmiReturnValues: readonly ExplainEntry[] = rows.map(([value, name, meaning, cause, remedy]) => ({
  kind: "wmi",
  name: `ReturnValue ${value}: ${name}`,
  value,
  meaning,
  causes: [{ cause }],
  remedy,
  docs: errorPage.platform,
  weight: value === 32768 || value === 4096 ? 0 : 4,
}));
