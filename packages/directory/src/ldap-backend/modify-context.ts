import type { Requester } from "../rights/requester.ts";

/** Who asks for a change, and how. */
export interface ModifyContext {
  readonly requester: Requester;
  readonly permissive: boolean;
  /** The connection is encrypted, so that passwords may be set. */
  readonly confidential: boolean;
  readonly sdFlags: number;
}
