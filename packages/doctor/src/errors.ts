import { WaybillError } from "@waybill/base";

/** What the doctor cannot do. `code` is one of {@link DoctorErrorCode}. */
export class DoctorError extends WaybillError {
  declare readonly code: DoctorErrorCode;
}

export type DoctorErrorCode =
  | "UNKNOWN_PERSON"
  | "UNKNOWN_HOST"
  | "MANAGEMENT_SERVER_NEEDED"
  | "PLAN_IMPOSSIBLE"
  | "PLAN_OUTDATED"
  | "PLAN_NOT_PERMITTED"
  | "PLAN_APPLIED_IN_PART"
  | "PLAN_WITHOUT_EFFECT"
  | "NOT_A_CONTROLLER"
  | "SOURCE_UNREADABLE";
