export * from "./client/index.ts";
export * from "./crypto/index.ts";
export * from "./errors.ts";
export * from "./files/index.ts";
export * from "./messages/index.ts";
export * from "./pac/index.ts";
export * from "./principal.ts";
export * from "./registry/index.ts";
