/** The points of a migration after which a crash means something else than before; sequence in `messages.ts`. */
export const migrationSteps = [
  "source:welcomed",
  "source:registered",
  "source:prepared",
  "source:disks-copied",
  "source:memory-sent",
  "source:storage-closed",
  "source:completed",
  "source:surrendered",
  "source:take-sent",
  "source:taken",
  "source:gone",
  "destination:greeted",
  "destination:registered",
  "destination:started",
  "destination:listening",
  "destination:flowing",
  "destination:storage-closed",
  "destination:take-received",
  "destination:arrived",
  "destination:owned",
  "destination:running",
  "destination:taken-sent",
] as const;
export type MigrationStep = (typeof migrationSteps)[number];

/** Sees each step as it is reached, before the next one is begun; an error it throws is an error of that step. */
export type StepObserver = (step: MigrationStep, migration: string) => Promise<void> | void;
