import { DirectoryError, type DirectoryView } from "@waybill/directory";
import { type Keytab, NameType, type Principal } from "@waybill/kerberos";

/** All keys of an account, every generation, under its own name and all of its service names. */
export function exportKeytab(directory: DirectoryView, name: string): Keytab {
  const account = directory.byName(name) ?? directory.bySid(name);
  if (account === undefined) {
    throw new DirectoryError(`there is no account ${name}`, { code: "NO_SUCH_OBJECT", family: "caller" });
  }
  const { realm } = directory.domain;
  const service = (spn: string): Principal => ({
    realm,
    nameType: NameType.srvHst,
    components: spn.split("/"),
  });
  const isKrbtgt = account.samAccountName === directory.krbtgt.samAccountName;
  const principals: Principal[] = [
    isKrbtgt
      ? { realm, nameType: NameType.srvInst, components: ["krbtgt", realm] }
      : { realm, nameType: NameType.principal, components: [account.samAccountName] },
    ...account.servicePrincipalNames.map(service),
  ];
  const entries = principals.flatMap((principal) =>
    account.keySets.flatMap(({ kvno, keys, setAt }) =>
      keys.map((key) => ({
        principal,
        kvno,
        key: { keytype: key.keytype, keyvalue: key.keyvalue },
        timestamp: setAt,
      })),
    ),
  );
  return { entries };
}
