import { type Clock, type Random, systemClock, systemRandom } from "@waybill/base";
import { DirectoryError } from "../errors.ts";
import { makeRdn, rdnKey, splitDn } from "../names/dn.ts";
import { toGeneralizedTime } from "../names/filetime.ts";
import { DirectoryReader } from "../reader/directory-reader.ts";
import { structuralClass } from "../schema/object-classes.ts";
import { encodeSid } from "../security/sid.ts";
import type { StoreWriter } from "../store/store.ts";
import type { AttributeValue, StoredKeySet, StoredObject } from "../store/stored-object.ts";

export interface EditorOptions {
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  /** Derive the keys of passwords on first use; only for stores in memory. */
  readonly lazyKeys?: boolean | undefined;
}

/** Values to set by attribute name; `undefined` removes the attribute. */
export type AttributeSettings = Readonly<
  Record<string, AttributeValue | readonly AttributeValue[] | undefined>
>;

const nextRidKey = "nextRid";
const firstRid = 1103;

/** Creates, changes, moves and deletes objects inside one transaction. Checks form, not rights. */
export class ObjectEditor {
  readonly store: StoreWriter;
  readonly reader: DirectoryReader;
  readonly clock: Clock;
  readonly random: Random;
  readonly lazyKeys: boolean;

  constructor(store: StoreWriter, options: EditorOptions = {}) {
    this.store = store;
    this.reader = new DirectoryReader(store);
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? systemRandom;
    this.lazyKeys = options.lazyKeys ?? false;
  }

  /** @throws DirectoryError NO_SUCH_OBJECT */
  require(dn: string): StoredObject {
    const id = this.reader.idOfDn(dn);
    const object = id === undefined ? undefined : this.store.object(id);
    if (object === undefined) throw noSuchObject(dn);
    return object;
  }

  /**
   * Adds an object; what every object has (objectGUID, times, category) is filled in.
   *
   * @throws DirectoryError NO_SUCH_OBJECT (parent), ALREADY_EXISTS, BAD_NAME
   */
  add(dn: string, settings: AttributeSettings, keySets?: readonly StoredKeySet[]): StoredObject {
    const [rdn, ...rest] = splitDn(dn);
    const attribute = rdn?.[0];
    if (rdn === undefined || attribute === undefined) throw noSuchObject(dn);
    const parentDn = dn.slice(dnSplitPoint(dn));
    const parent = rest.length === 0 ? undefined : this.require(parentDn);
    const parentId = parent?.id ?? 0;
    if (this.store.child(parentId, rdnKey(rdn)) !== undefined) throw alreadyExists(dn);
    return this.#insert(parentId, makeRdn(attribute.type, attribute.value), settings, keySets);
  }

  /** Adds the head of a naming context. */
  addRoot(dn: string, settings: AttributeSettings): StoredObject {
    if (this.reader.idOfDn(dn) !== undefined) throw alreadyExists(dn);
    return this.#insert(0, dn, settings, undefined);
  }

  /** Replaces whole attributes. */
  set(object: StoredObject, settings: AttributeSettings, keySets?: readonly StoredKeySet[]): StoredObject {
    const attributes = new Map(object.attributes);
    for (const [name, value] of Object.entries(settings)) {
      const values = toValues(value);
      if (values.length === 0) attributes.delete(name.toLowerCase());
      else attributes.set(name.toLowerCase(), values);
    }
    attributes.set("whenchanged", [toGeneralizedTime(this.clock.now())]);
    attributes.set("usnchanged", [String(this.store.version)]);
    const changed: StoredObject = { ...object, attributes, keySets: keySets ?? object.keySets };
    this.store.put(changed);
    return changed;
  }

  /** @throws DirectoryError NO_SUCH_OBJECT, NOT_ALLOWED_ON_NON_LEAF */
  remove(dn: string, tree = false): void {
    const object = this.require(dn);
    this.#removeTree(object.id, tree, dn);
  }

  /** Gives an object another name or place. @throws DirectoryError ALREADY_EXISTS, NO_SUCH_OBJECT */
  rename(dn: string, newRdn: string, newParentDn?: string): StoredObject {
    const object = this.require(dn);
    const [rdn] = splitDn(newRdn);
    const attribute = rdn?.[0];
    if (rdn === undefined || attribute === undefined || object.parentId === 0) throw noSuchObject(newRdn);
    const parent = newParentDn === undefined ? this.store.object(object.parentId) : this.require(newParentDn);
    if (parent === undefined) throw noSuchObject(dn);
    for (
      let above: StoredObject | undefined = parent;
      above !== undefined;
      above = this.store.object(above.parentId)
    ) {
      if (above.id === object.id)
        throw new DirectoryError("an object cannot be moved below itself", {
          code: "BAD_NAME",
          family: "caller",
        });
    }
    const taken = this.store.child(parent.id, rdnKey(rdn));
    if (taken !== undefined && taken !== object.id)
      throw alreadyExists(`${newRdn},${this.reader.dnOf(parent.id)}`);
    const moved = { ...object, parentId: parent.id, rdn: makeRdn(attribute.type, attribute.value) };
    return this.set(moved, { [attribute.type]: attribute.value, name: attribute.value });
  }

  /** A SID nobody in the domain has had. */
  newSid(): Uint8Array {
    const { sid } = this.reader.domain;
    const noted = this.store.setting(nextRidKey);
    let rid = typeof noted === "number" ? noted : firstRid;
    // A domain that was loaded or imported brings SIDs that were given out elsewhere.
    while (this.store.find("objectsid", `${sid}-${rid}`).length > 0) rid++;
    this.store.setSetting(nextRidKey, rid + 1);
    return encodeSid(`${sid}-${rid}`);
  }

  #insert(
    parentId: number,
    rdn: string,
    settings: AttributeSettings,
    keySets: readonly StoredKeySet[] | undefined,
  ): StoredObject {
    const attributes = new Map<string, readonly AttributeValue[]>();
    for (const [name, value] of Object.entries(settings)) {
      const values = toValues(value);
      if (values.length > 0) attributes.set(name.toLowerCase(), values);
    }
    const naming = splitDn(rdn)[0]?.[0];
    const id = this.store.nextId();
    const now = toGeneralizedTime(this.clock.now());
    const defaults: AttributeSettings = {
      objectguid: this.random.bytes(16),
      instancetype: parentId === 0 ? "5" : "4",
      whencreated: now,
      whenchanged: now,
      usncreated: String(id),
      usnchanged: String(id),
      ...(naming === undefined ? {} : { name: naming.value, [naming.type.toLowerCase()]: naming.value }),
    };
    for (const [name, value] of Object.entries(defaults)) {
      if (!attributes.has(name)) attributes.set(name, toValues(value));
    }
    const classes = attributes.get("objectclass")?.filter((value) => typeof value === "string") ?? [];
    const type = structuralClass(classes);
    if (type !== undefined) {
      attributes.set("objectclass", type.chain);
      if (!attributes.has("objectcategory"))
        attributes.set("objectcategory", [this.#category(type.category)]);
    }
    const object: StoredObject = {
      id,
      parentId,
      rdn,
      attributes,
      ...(keySets === undefined ? {} : { keySets }),
    };
    this.store.put(object);
    return object;
  }

  #category(name: string): string {
    const settings = this.store.setting("domain") as { dnsName: string } | undefined;
    const dcs = settings?.dnsName.split(".").map((label) => `DC=${label}`) ?? [];
    return [`CN=${name}`, "CN=Schema", "CN=Configuration", ...dcs].join(",");
  }

  #removeTree(id: number, tree: boolean, dn: string): void {
    const children = [...this.store.children(id)];
    if (children.length > 0 && !tree) {
      throw new DirectoryError(`${dn} still has ${children.length} objects below it`, {
        code: "NOT_ALLOWED_ON_NON_LEAF",
        family: "caller",
        remedy: "Delete these first, or ask for the whole tree to be deleted.",
      });
    }
    for (const child of children) this.#removeTree(child, true, dn);
    this.store.remove(id);
  }
}

function toValues(value: AttributeValue | readonly AttributeValue[] | undefined): readonly AttributeValue[] {
  if (value === undefined) return [];
  return typeof value === "string" || value instanceof Uint8Array ? [value] : value;
}

/** Where the parent's name starts in a DN. */
function dnSplitPoint(dn: string): number {
  for (let at = 0; at < dn.length; at++) {
    if (dn[at] === "\\") at++;
    else if (dn[at] === "," || dn[at] === ";") return at + 1;
  }
  return dn.length;
}

export function noSuchObject(dn: string): DirectoryError {
  return new DirectoryError(`there is no object ${dn}`, {
    code: "NO_SUCH_OBJECT",
    family: "caller",
    facts: { dn },
    remedy:
      "Check the spelling: account names (a computer's with or without $), SIDs and distinguished names are taken.",
  });
}

function alreadyExists(dn: string): DirectoryError {
  return new DirectoryError(`${dn} exists already`, {
    code: "ALREADY_EXISTS",
    family: "caller",
    facts: { dn },
    remedy: "Change it, or remove it first.",
  });
}
