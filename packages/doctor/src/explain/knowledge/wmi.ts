import type { ExplainEntry } from "../entry.ts";
import { errorPage } from "./row.ts";

type Row = readonly [value: number, name: string, meaning: string, cause: string, remedy: string];

const rows: readonly Row[] = [
  [
    1,
    "Not supported",
    "The host cannot check whether the machine may be moved to that host.",
    "An older release at one of the two, or migration is not enabled.",
    "Enable live migration on both hosts (`Enable-VMMigration`), and compare their releases.",
  ],
  [
    2,
    "Failed",
    "The check whether the machine may be moved failed; the number says no more.",
    "Anything: `Compare-VM` for the same destination tells.",
    "Run `Compare-VM` on the source host and explain its messages.",
  ],
  [
    3,
    "Timed out",
    "The check whether the machine may be moved took too long.",
    "The destination does not answer.",
    "Check the network between the hosts and the destination's management service.",
  ],
  [
    4,
    "Invalid parameter",
    "The check does not understand what it was asked.",
    "A name or a setting that the host does not know.",
    "Name the destination by its full DNS name; check the migration settings of the call.",
  ],
  [
    5,
    "Invalid state",
    "The machine's state does not allow a move.",
    "It is being changed, moved, or is in a critical state.",
    "Wait for what is under way, or bring the machine into a state from which a move is possible.",
  ],
  [
    6,
    "Incompatible",
    "The machine does not fit the destination.",
    "Processor, switch, or configuration version.",
    "`Compare-VM` on the source host lists the reasons.",
  ],
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

const states: readonly Row[] = [
  [2, "New", "The job was made and has not begun.", "This is no error.", "Follow the job."],
  [3, "Starting", "The job is beginning.", "This is no error.", "Follow the job."],
  [4, "Running", "The job is under way.", "This is no error.", "Follow the job."],
  [
    5,
    "Suspended",
    "The job stands still.",
    "Somebody suspended it.",
    "Resume it, or end it (RequestStateChange of the job).",
  ],
  [6, "Shutting down", "The job is ending.", "This is no error.", "Follow the job."],
  [7, "Completed", "The job has done what it was for.", "This is no error.", "Nothing has to be done."],
  [
    8,
    "Terminated",
    "The job was ended before it was done.",
    "Somebody cancelled it.",
    "Ask whoever cancelled it, then begin anew.",
  ],
  [
    9,
    "Killed",
    "The job was broken off before it was done.",
    "Somebody cancelled it, or the management service ended.",
    "Look at the machine on both hosts, then begin anew.",
  ],
  [
    10,
    "Exception",
    "The job failed.",
    "ErrorCode and ErrorDescription of the job tell.",
    "Read the job's ErrorDescription and explain that.",
  ],
  [
    11,
    "Service",
    "The job is in a state of its vendor's.",
    "ErrorDescription and JobStatus of the job tell.",
    "Read the job's JobStatus.",
  ],
  [
    32768,
    "Completed with warnings",
    "The job has done what it was for, with something to say.",
    "This is no error; the warning is in the job's ErrorDescription.",
    "Read the job's ErrorDescription.",
  ],
];

/** What a job says of itself, as JobState. */
export const jobStates: readonly ExplainEntry[] = states.map(([value, name, meaning, cause, remedy]) => ({
  kind: "job-state",
  name: `JobState ${value}: ${name}`,
  value,
  meaning,
  causes: [{ cause }],
  remedy,
  docs: errorPage.platform,
  weight: 3,
}));

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
