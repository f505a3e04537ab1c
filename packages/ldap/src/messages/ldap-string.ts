import { type Reader, TlvSchema, utf8String, type Writer } from "@waybill/asn1";

/** RFC 4511 section 4.1.2: an OCTET STRING that holds UTF-8. */
class LdapStringSchema extends TlvSchema<string> {
  override readContent(reader: Reader, length: number): string {
    return utf8String.readContent(reader, length);
  }

  override writeContent(writer: Writer, value: string): void {
    utf8String.writeContent(writer, value);
  }
}

const octetStringTag = 4;

export const ldapString: TlvSchema<string> = new LdapStringSchema("LDAPString", octetStringTag);
