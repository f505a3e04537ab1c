export * from "./errors.ts";
export * from "./model/find-account.ts";
export * from "./model/host-kind.ts";
export * from "./model/service-names.ts";
export * from "./prediction/facts.ts";
export * from "./prediction/predict.ts";
export * from "./prediction/story.ts";
