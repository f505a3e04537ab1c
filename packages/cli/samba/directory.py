"""Changes a Samba domain controller's directory, as root, on the running server's own database.

Usage: directory.py SMB_CONF PRIVATE_DIR < operations.json
Operations, carried out in order:
  {"op": "add", "dn": "CN=x,CN=Users", "attributes": {...}}      the dn is completed with the domain's
  {"op": "modify", "name": "KVM01$", "attributes": {...}}        replaces values; [] removes the attribute
  {"op": "values", "name": "KVM01$", "attribute": "servicePrincipalName", "add": [...], "remove": [...]}
  {"op": "flags", "name": "KVM01$", "set": 16777216, "clear": 0}  bits of userAccountControl
  {"op": "member", "group": "VM Operators", "names": ["alice"], "member": true}
  {"op": "allow", "name": "KVM02$", "from": ["KVM01$"]}          resource-based delegation
  {"op": "keytab", "file": "...", "principal": "KVM01$"}
  {"op": "sid", "name": "VM Operators"}                          printed on a line of its own
Values are text; {"base64": "..."} is bytes.
"""

import base64
import json
import sys

import ldb
import samba.dckeytab  # gives Net its export_keytab
from samba.auth import system_session
from samba.credentials import Credentials
from samba.dcerpc import security
from samba.ndr import ndr_pack, ndr_unpack
from samba.net import Net
from samba.param import LoadParm
from samba.samdb import SamDB

lp = LoadParm()
lp.load(sys.argv[1])
db = SamDB(url=sys.argv[2] + "/sam.ldb", session_info=system_session(), lp=lp)
base = db.domain_dn()


def texts(item, attribute=""):
    if isinstance(item, list):
        return [value for part in item for value in texts(part, attribute)]
    if isinstance(item, dict):
        return [base64.b64decode(item["base64"])]
    # Passwords travel quoted and as UTF-16: MS-ADTS section 3.1.1.3.1.5.1.
    if attribute == "unicodePwd":
        return [f'"{item}"'.encode("utf-16-le")]
    return [str(item).encode()]


def find(name, attributes=("objectSid",)):
    found = db.search(base, ldb.SCOPE_SUBTREE, f"(sAMAccountName={ldb.binary_encode(name)})", attrs=list(attributes))
    if len(found) != 1:
        raise SystemExit(f"{len(found)} accounts are named {name}")
    return found[0]


def sid(name):
    return ndr_unpack(security.dom_sid, find(name)["objectSid"][0])


def replace(dn, attribute, values):
    message = ldb.Message(dn)
    message[attribute] = ldb.MessageElement(values, ldb.FLAG_MOD_REPLACE, attribute)
    try:
        db.modify(message)
    except ldb.LdbError as error:
        if attribute != "servicePrincipalName" or error.args[0] != ldb.ERR_CONSTRAINT_VIOLATION:
            raise
        beneath(dn, attribute, values)


def add(op):
    message = {"dn": f"{op['dn']},{base}"}
    message.update({name: texts(item, name) for name, item in op["attributes"].items()})
    db.add(message)


def modify(op):
    for attribute, item in op["attributes"].items():
        replace(find(op["name"]).dn, attribute, texts(item, attribute))


def values(op):
    attribute = op["attribute"]
    entry = find(op["name"], [attribute])
    gone = {text.lower() for text in op.get("remove", [])}
    kept = [bytes(value) for value in entry.get(attribute, []) if str(value).lower() not in gone]
    known = {value.lower() for value in kept}
    new = [value for value in texts(op.get("add", [])) if value.lower() not in known]
    replace(entry.dn, attribute, kept + new)


def beneath(dn, attribute, new):
    """Writes or repairs a name that two accounts have, as replication may bring it: the server itself refuses to."""
    partition = ldb.Ldb(f"{sys.argv[2]}/sam.ldb.d/{base.upper()}.ldb")
    message = ldb.Message(ldb.Dn(partition, str(dn)))
    message[attribute] = ldb.MessageElement(new, ldb.FLAG_MOD_REPLACE, attribute)
    partition.modify(message)


def flags(op):
    entry = find(op["name"], ["userAccountControl"])
    before = int(str(entry["userAccountControl"]))
    replace(entry.dn, "userAccountControl", texts((before | op["set"]) & ~op["clear"]))


def allow(op):
    dn = find(op["name"]).dn
    if not op["from"]:
        return replace(dn, "msDS-AllowedToActOnBehalfOfOtherIdentity", [])
    entries = "".join(f"(A;;CCDCLCSWRPWPDTLOCRSDRCWDWO;;;{sid(name)})" for name in op["from"])
    descriptor = security.descriptor.from_sddl("O:BAD:" + entries, security.dom_sid(db.get_domain_sid()))
    replace(dn, "msDS-AllowedToActOnBehalfOfOtherIdentity", [ndr_pack(descriptor)])


def keytab(op):
    credentials = Credentials()
    credentials.guess(lp)
    Net(credentials, lp).export_keytab(keytab=op["file"], principal=op["principal"])


actions = {
    "add": add,
    "modify": modify,
    "values": values,
    "flags": flags,
    "member": lambda op: db.add_remove_group_members(op["group"], op["names"], add_members_operation=op["member"]),
    "allow": allow,
    "keytab": keytab,
    "sid": lambda op: print(sid(op["name"])),
}


def carry_out(operations):
    for operation in operations:
        actions[operation["op"]](operation)


if __name__ == "__main__":
    carry_out(json.load(sys.stdin))
