import { type Clock, systemClock } from "@waybill/base";
import {
  type AttributeChange,
  type EntryData,
  equalValues,
  invalidCredentials,
  type LdapAttribute,
  type LdapBackend,
  LdapEntry,
  LdapError,
  type LdapOperation,
  type LdapSession,
  matchesFilter,
  type RenameTarget,
  type SearchItem,
  type SearchOperation,
  type SecurityContext,
} from "@waybill/ldap";
import type { DirectoryEditor } from "../editor/directory-editor.ts";
import type { Account } from "../model/account.ts";
import { accountState } from "../model/account-state.ts";
import { ObjectRights } from "../rights/object-rights.ts";
import { type Requester, requesterOf } from "../rights/requester.ts";
import type { StoredObject } from "../store/stored-object.ts";
import type { WritableDirectory } from "../writable-directory.ts";
import { addObject } from "./add-object.ts";
import { bindAccount, refusalOf } from "./bind-account.ts";
import { entryFromObject } from "./entry-from-object.ts";
import { inLdapTerms } from "./ldap-errors.ts";
import { filterSyntaxOf, plainFilterSchema } from "./ldap-values.ts";
import type { ModifyContext } from "./modify-context.ts";
import { modifyObject } from "./modify-object.ts";
import { readManagedPassword } from "./read-managed-password.ts";
import { rootDse } from "./root-dse.ts";
import { resolveBase, searchDirectory } from "./search-directory.ts";

export interface DirectoryLdapBackendOptions {
  readonly directory: WritableDirectory;
  /** This controller's full host name, for the root DSE. */
  readonly dnsHostName: string;
  readonly clock?: Clock | undefined;
}

/** Who is bound: the SID; rights are looked up afresh for every operation. */
export interface LdapIdentity {
  readonly sid: string;
  readonly samAccountName: string;
}

/** The wire's view of a directory, with Active Directory's rules about who may change what. */
export class DirectoryLdapBackend<Context extends SecurityContext = SecurityContext>
  implements LdapBackend<LdapIdentity, Context>
{
  readonly #directory: WritableDirectory;
  readonly #dnsHostName: string;
  readonly #clock: Clock;

  constructor(options: DirectoryLdapBackendOptions) {
    this.#directory = options.directory;
    this.#dnsHostName = options.dnsHostName;
    this.#clock = options.clock ?? systemClock;
  }

  rootDse(): readonly LdapAttribute[] {
    return rootDse(this.#directory, { dnsHostName: this.#dnsHostName, now: this.#clock.now() });
  }

  bindSimple(name: string, password: Uint8Array): LdapIdentity {
    return identityOf(bindAccount(this.#directory, name, password, this.#clock.now()));
  }

  bindSasl(context: Context): LdapIdentity {
    const { domain } = this.#directory;
    const at = context.peerName.lastIndexOf("@");
    const realm = context.peerName.slice(at + 1);
    const name = at < 0 ? context.peerName : context.peerName.slice(0, at);
    const account =
      realm.toUpperCase() === domain.realm ? this.#directory.byName(name.replaceAll("\\", "")) : undefined;
    if (account === undefined) throw invalidCredentials("noSuchUser");
    const state = accountState(account, domain, this.#clock.now());
    // A ticket proves the password was good when it was issued: its age does not matter here.
    const refusal = refusalOf({ ...state, mustChangePassword: false, passwordExpired: false });
    if (refusal !== undefined) throw invalidCredentials(refusal);
    return identityOf(account);
  }

  search(request: SearchOperation, operation: LdapOperation<LdapIdentity>): Iterable<SearchItem> {
    const requester = this.#requester(operation.session);
    const now = this.#clock.now();
    const directory = this.#directory;
    const reader = { directory, requester, confidential: isConfidential(operation.session), now };
    // Only in the answer: a filter that speaks of passwords finds nothing.
    const asked = request.attributes.includes("msds-managedpassword");
    return searchDirectory(directory, {
      ...request,
      sdFlags: sdFlagsOf(operation),
      now,
      signal: operation.signal,
      managedPassword: asked ? (object) => readManagedPassword(object, reader) : undefined,
    });
  }

  compare(
    dn: string,
    assertion: { type: string; value: Uint8Array },
    operation: LdapOperation<LdapIdentity>,
  ): boolean {
    this.#requester(operation.session);
    const entry = this.#entry(this.#directory.object(resolveBase(this.#directory, dn)), [assertion.type]);
    const values = new LdapEntry(entry.dn, entry.attributes).values(assertion.type);
    if (values.length === 0) throw new LdapError({ resultCode: "noSuchAttribute" });
    const syntax = filterSyntaxOf(assertion.type);
    return values.some((value) => equalValues(value, assertion.value, syntax) === true);
  }

  add(entry: EntryData, operation: LdapOperation<LdapIdentity>): void {
    this.#change(operation, (editor, context) => addObject(editor, entry, context));
  }

  modify(dn: string, changes: readonly AttributeChange[], operation: LdapOperation<LdapIdentity>): void {
    this.#change(operation, (editor, context) => {
      const object = this.#target(editor, dn, operation);
      modifyObject(editor, object, changes, context);
    });
  }

  delete(dn: string, operation: LdapOperation<LdapIdentity>): void {
    this.#change(operation, (editor, { requester }) => {
      const object = this.#target(editor, dn, operation);
      const { reader } = editor;
      const parent = reader.store.object(object.parentId);
      const rights = new ObjectRights(reader, object, requester);
      const above = parent === undefined ? undefined : new ObjectRights(reader, parent, requester);
      const critical = object.attributes.get("iscriticalsystemobject")?.[0] === "TRUE";
      if (critical || parent === undefined) {
        throw new LdapError({
          resultCode: "unwillingToPerform",
          diagnosticMessage:
            "000020D7: SvcErr: DSID-03170E9B, problem 5003 (WILL_NOT_PERFORM), data 0: the domain needs this object",
        });
      }
      if (!rights.mayDelete(above)) throw rights.denied("delete");
      editor.remove(reader.dnOf(object.id), operation.controls.treeDelete);
    });
  }

  rename(dn: string, target: RenameTarget, operation: LdapOperation<LdapIdentity>): void {
    this.#change(operation, (editor, { requester }) => {
      const object = this.#target(editor, dn, operation);
      const rights = new ObjectRights(editor.reader, object, requester);
      rights.requireWrite("name");
      if (target.newSuperior !== undefined) {
        const superior = editor.require(target.newSuperior);
        const className = String(object.attributes.get("objectclass")?.at(-1) ?? "");
        if (!new ObjectRights(editor.reader, superior, requester).mayCreate(className)) {
          throw rights.denied(`move into ${target.newSuperior}`);
        }
      }
      editor.rename(editor.reader.dnOf(object.id), target.newRdn, target.newSuperior);
    });
  }

  syntaxOf(type: string): ReturnType<typeof filterSyntaxOf> {
    return filterSyntaxOf(type);
  }

  whoAmI({ identity }: LdapSession<LdapIdentity>): string {
    return identity === undefined
      ? ""
      : `u:${this.#directory.domain.netbiosName}\\${identity.samAccountName}`;
  }

  #change(
    operation: LdapOperation<LdapIdentity>,
    work: (editor: DirectoryEditor, context: ModifyContext) => void,
  ): void {
    const { session, controls } = operation;
    const requester = this.#requester(session);
    const context: ModifyContext = {
      requester,
      permissive: controls.permissiveModify,
      confidential: isConfidential(session),
      sdFlags: sdFlagsOf(operation),
    };
    inLdapTerms(() => this.#directory.change((editor) => work(editor, context)));
  }

  /** The object of a change, if the assertion control agrees. */
  #target(editor: DirectoryEditor, dn: string, { controls }: LdapOperation<LdapIdentity>): StoredObject {
    const id = resolveBase(editor.reader, dn);
    const object = editor.store.object(id);
    if (object === undefined) throw new LdapError({ resultCode: "noSuchObject" });
    if (
      controls.assertion !== undefined &&
      !matchesFilter(controls.assertion, this.#entry(object, ["*", "+"]), plainFilterSchema)
    ) {
      throw new LdapError({ resultCode: "assertionFailed" });
    }
    return object;
  }

  #entry(object: StoredObject | undefined, wanted: readonly string[]): EntryData {
    if (object === undefined) throw new LdapError({ resultCode: "noSuchObject" });
    const names = new Set(wanted.map((name) => name.toLowerCase()));
    return entryFromObject(this.#directory, object, { wanted: names, sdFlags: 7, now: this.#clock.now() });
  }

  #requester({ identity }: LdapSession<LdapIdentity>): Requester {
    const account = identity === undefined ? undefined : this.#directory.bySid(identity.sid);
    if (account === undefined) {
      throw new LdapError({
        resultCode: "operationsError",
        diagnosticMessage:
          "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful bind must be completed on the connection., data 0, v4f7c",
      });
    }
    return requesterOf(this.#directory, account);
  }
}

function isConfidential(session: LdapSession<LdapIdentity>): boolean {
  return session.protection === "confidential" || session.local;
}

function identityOf(account: Account): LdapIdentity {
  return { sid: account.sid, samAccountName: account.samAccountName };
}

/** Without the control AD shows owner, group and DACL, and takes all four parts. */
function sdFlagsOf({ controls }: LdapOperation<LdapIdentity>): number {
  return controls.sdFlags ?? 7;
}
