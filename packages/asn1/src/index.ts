export { Asn1Error, type Asn1ErrorCode } from "./asn1-error.ts";
export * from "./constructed.ts";
export * from "./primitives.ts";
export * from "./raw.ts";
export type { DecodeOptions, Reader } from "./reader.ts";
export {
  application,
  context,
  type Infer,
  implicit,
  implicitApplication,
  Schema,
  TlvSchema,
} from "./schema.ts";
export type { Writer } from "./writer.ts";
