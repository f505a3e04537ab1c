/** JobState of CIM_ConcreteJob, by Waybill's names. 32768 is Hyper-V's own: finished, with warnings. */
export const JobStateNumber = {
  new: 2,
  starting: 3,
  running: 4,
  suspended: 5,
  shuttingDown: 6,
  completed: 7,
  terminated: 8,
  killed: 9,
  exception: 10,
  service: 11,
  completedWithWarnings: 32768,
} as const;

export type JobState = keyof typeof JobStateNumber;

export function jobStateOf(value: number | undefined): JobState {
  for (const [name, state] of Object.entries(JobStateNumber)) if (state === value) return name as JobState;
  return "service";
}

/** Whether the job has come to its end, well or badly. */
export function isJobOver(state: JobState): boolean {
  return isJobSuccessful(state) || state === "terminated" || state === "killed" || state === "exception";
}

export function isJobSuccessful(state: JobState): boolean {
  return state === "completed" || state === "completedWithWarnings";
}

/** JobType of Msvm_MigrationJob. */
export const MigrationJobType = {
  creatingRemoteVm: 300,
  checkingVm: 301,
  checkingVmAndStorage: 302,
  checkingStorage: 303,
  checkingStorageMigration: 304,
  movingVm: 305,
  movingVmAndStorage: 306,
  movingStorage: 307,
} as const;

/** JobType of Msvm_ConcreteJob, those a host here reports. */
export const ConcreteJobType = {
  unknown: 0,
  defineVm: 1,
  removeVm: 4,
  startVm: 60,
  stopVm: 61,
  pauseVm: 63,
  resetVm: 64,
} as const;

/** RequestedState of a job's RequestStateChange. */
export const JobRequest = { start: 2, suspend: 3, terminate: 4, kill: 5 } as const;
