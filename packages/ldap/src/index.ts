export * from "./entry.ts";
export * from "./filter/filter.ts";
export * from "./filter/syntax.ts";
export * from "./registry/result-codes.ts";
export * from "./sasl/security-context.ts";
export * from "./server/backend.ts";
