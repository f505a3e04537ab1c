import { WaybillError } from "@waybill/base";

/** What was wrong with the bytes or the value. */
export type Asn1ErrorCode =
  | "ASN1_TRUNCATED"
  | "ASN1_TRAILING_BYTES"
  | "ASN1_TAG_MISMATCH"
  | "ASN1_BAD_LENGTH"
  | "ASN1_BAD_VALUE"
  | "ASN1_NOT_DER"
  | "ASN1_TOO_DEEP"
  | "ASN1_TOO_LARGE"
  | "ASN1_MISSING_FIELD";

/**
 * Bytes that are not what their schema says, or a value its schema cannot carry.
 *
 * `path` names the place as the specification writes it: `KDC-REQ.req-body.till`.
 */
export class Asn1Error extends WaybillError {
  readonly problem: string;
  readonly path: string;

  constructor(code: Asn1ErrorCode, problem: string, path = "") {
    super(path === "" ? problem : `${path}: ${problem}`, { code, family: "peer", facts: { path } });
    this.problem = problem;
    this.path = path;
  }

  /** The same failure, one level further out. */
  within(element: string): Asn1Error {
    const separator = this.path === "" || this.path.startsWith("[") ? "" : ".";
    return new Asn1Error(this.code as Asn1ErrorCode, this.problem, `${element}${separator}${this.path}`);
  }
}

/** Puts `element` in front of the path of an Asn1Error; anything else passes unchanged. */
export function located(error: unknown, element: string): unknown {
  return error instanceof Asn1Error ? error.within(element) : error;
}
