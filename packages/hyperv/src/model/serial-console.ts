/** Why a console came to its end. */
export type ConsoleEndReason =
  /** The machine runs on another host now. */
  | "moved"
  /** The machine is off, or its QEMU ended. */
  | "stopped"
  /** Somebody with the same right took the console over. */
  | "taken-over"
  /** Nobody asked for output for too long. */
  | "idle"
  /** The host's service is being stopped; the machine runs on. */
  | "service-stopped"
  /** Whoever opened it left. */
  | "left";

export interface ConsoleEnd {
  readonly reason: ConsoleEndReason;
  /** The full name of the host the machine moved to. */
  readonly to?: string | undefined;
  /** Who took the console over. */
  readonly by?: string | undefined;
}

/** What a machine said on its serial port. */
export interface ConsoleOutput {
  /** Where the first of these bytes stands in all that was said since the console was opened. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** Nothing follows these bytes. */
  readonly end?: ConsoleEnd | undefined;
}
