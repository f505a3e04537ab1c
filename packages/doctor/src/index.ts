export * from "./diagnosis/diagnose.ts";
export * from "./errors.ts";
export * from "./explain/index.ts";
export * from "./findings/catalogue.ts";
export { type ExamineRequest, operators } from "./findings/examination.ts";
export * from "./findings/examine.ts";
export * from "./findings/finding.ts";
export * from "./findings/plan-findings.ts";
export * from "./hosts/host-findings.ts";
export * from "./hosts/host-reading.ts";
export { probePort } from "./hosts/probe-port.ts";
export * from "./hosts/survey-hosts.ts";
export * from "./model/find-account.ts";
export * from "./model/host-kind.ts";
export * from "./model/service-names.ts";
export * from "./output/html/index.ts";
export * from "./output/json/report-json.ts";
export * from "./output/text/findings-text.ts";
export * from "./output/text/matrix-text.ts";
export * from "./output/text/palette.ts";
export * from "./output/text/plan-text.ts";
export * from "./output/text/story-text.ts";
export * from "./prediction/facts.ts";
export * from "./prediction/matrix.ts";
export * from "./prediction/predict.ts";
export * from "./prediction/story.ts";
export * from "./proof/proof.ts";
export * from "./proof/proof-findings.ts";
export * from "./proof/prover.ts";
export * from "./repair/apply-plan.ts";
export * from "./repair/attribute-diff.ts";
export { type Commands, commandsOf } from "./repair/commands.ts";
export * from "./repair/delegation-plan.ts";
export * from "./repair/exposure.ts";
export { changesOf, inverse, ldifOf, type ValueChange } from "./repair/ldif-of-plan.ts";
export * from "./repair/plan.ts";
export { PlanDraft } from "./repair/plan-draft.ts";
export * from "./repair/remedy.ts";
export { viewAfter } from "./repair/view-after.ts";
export * from "./replication/compare-controllers.ts";
export * from "./replication/controller-findings.ts";
export {
  type AccountReading,
  type ControllerReading,
  readController,
} from "./replication/controller-reading.ts";
export { type ClockReading, readKdcClock } from "./replication/kdc-clock.ts";
export { type AttributeStamp, readReplicationMetadata } from "./replication/replication-metadata.ts";
export * from "./replication/survey-controllers.ts";
