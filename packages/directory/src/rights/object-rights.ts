import { DirectoryError } from "../errors.ts";
import { WellKnownSid } from "../model/well-known.ts";
import type { DirectoryReader } from "../reader/directory-reader.ts";
import { attributeName } from "../schema/attributes.ts";
import { AttributeGuid, ClassGuid, ExtendedRight, PropertySetOf } from "../schema/guids.ts";
import { accessCheck } from "../security/access-check.ts";
import {
  AccessMask,
  decodeSecurityDescriptor,
  type SecurityDescriptor,
} from "../security/security-descriptor.ts";
import { decodeSid } from "../security/sid.ts";
import { firstBytes, type StoredObject, texts } from "../store/stored-object.ts";
import { defaultDescriptor } from "./default-descriptor.ts";
import type { Requester } from "./requester.ts";

/** Answers who may do what to one object, from its descriptor or its class's default. */
export class ObjectRights {
  readonly #object: StoredObject;
  readonly #dn: string;
  readonly #token: readonly string[];
  readonly #requester: Requester;
  readonly descriptor: SecurityDescriptor;

  constructor(reader: DirectoryReader, object: StoredObject, requester: Requester) {
    this.#object = object;
    this.#dn = reader.dnOf(object.id);
    this.#requester = requester;
    this.descriptor = effectiveDescriptor(reader, object);
    const sid = firstBytes(object, "objectsid");
    const isSelf = sid !== undefined && decodeSid(sid) === requester.account.sid;
    this.#token = isSelf ? [...requester.sids, WellKnownSid.self] : requester.sids;
  }

  mayWrite(attribute: string): boolean {
    return accessCheck(this.descriptor, this.#token, AccessMask.writeProperty, typesOf(attribute));
  }

  /** Whether a value may be written under the extra rules of a validated write. */
  mayWriteValidated(attribute: string): boolean {
    return accessCheck(this.descriptor, this.#token, AccessMask.selfWrite, typesOf(attribute));
  }

  mayCreate(className: string): boolean {
    const type = ClassGuid[className.toLowerCase()];
    return accessCheck(this.descriptor, this.#token, AccessMask.createChild, type);
  }

  mayDelete(parent: ObjectRights | undefined): boolean {
    return (
      accessCheck(this.descriptor, this.#token, AccessMask.delete) ||
      (parent !== undefined && accessCheck(parent.descriptor, parent.#token, AccessMask.deleteChild))
    );
  }

  mayResetPassword(): boolean {
    return accessCheck(this.descriptor, this.#token, AccessMask.controlAccess, ExtendedRight.resetPassword);
  }

  mayChangePassword(): boolean {
    return accessCheck(this.descriptor, this.#token, AccessMask.controlAccess, ExtendedRight.changePassword);
  }

  mayWriteDescriptor(): boolean {
    return accessCheck(this.descriptor, this.#token, AccessMask.writeDacl);
  }

  /** @throws DirectoryError ACCESS_DENIED */
  requireWrite(attribute: string): void {
    if (!this.mayWrite(attribute)) throw this.denied(`write ${attributeName(attribute)} of`);
  }

  denied(what: string): DirectoryError {
    const who = this.#requester.account.samAccountName;
    return new DirectoryError(`${who} may not ${what} ${this.#dn}`, {
      code: "ACCESS_DENIED",
      family: "caller",
      facts: { requester: who, dn: this.#dn, object: this.#object.id },
      remedy: "Ask somebody who has the right, or have it delegated.",
    });
  }
}

export function effectiveDescriptor(reader: DirectoryReader, object: StoredObject): SecurityDescriptor {
  const own = firstBytes(object, "ntsecuritydescriptor");
  return own === undefined
    ? defaultDescriptor(texts(object, "objectclass"), reader.domain)
    : decodeSecurityDescriptor(own);
}

function typesOf(attribute: string): string[] {
  const name = attribute.toLowerCase();
  return [AttributeGuid[name], PropertySetOf[name]].filter((guid) => guid !== undefined);
}
