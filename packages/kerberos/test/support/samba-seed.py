"""Applies a list of operations (JSON on standard input) to a Samba domain controller's database, as root.

Usage: samba-seed.py SMB_CONF PRIVATE_DIR
Operations: {"op": "add", "dn": "CN=x,CN=Users", "attributes": {...}}      dn is completed with the domain's
            {"op": "modify", "name": "KVM01$", "attributes": {...}}        replaces; [] removes; name = sAMAccountName
            {"op": "member", "group": "Protected Users", "name": "prot"}
            {"op": "allow", "name": "KVM07$", "from": ["KVM06$"]}          resource-based delegation
            {"op": "dns", "host": "dc1", "address": "127.1.2.3"}           replaces the A record
            {"op": "keytab", "file": "...", "principal": "KVM01$"}
Values are text; {"base64": "..."} is bytes.
"""
import base64
import json
import sys

import ldb
import samba.dckeytab  # adds Net.export_keytab
from samba.auth import system_session
from samba.credentials import Credentials
from samba.dcerpc import dnsp, security
from samba.ndr import ndr_pack, ndr_unpack
from samba.net import Net
from samba.param import LoadParm
from samba.samdb import SamDB

lp = LoadParm()
lp.load(sys.argv[1])
db = SamDB(url=sys.argv[2] + "/sam.ldb", session_info=system_session(), lp=lp)
base = db.domain_dn()
credentials = Credentials()
credentials.guess(lp)
net = Net(credentials, lp)


def value(item):
    return base64.b64decode(item["base64"]) if isinstance(item, dict) else str(item).encode()


def values(item):
    return [value(part) for part in (item if isinstance(item, list) else [item])]


def find(name, attributes=("objectSid",)):
    found = db.search(base, ldb.SCOPE_SUBTREE, f"(sAMAccountName={ldb.binary_encode(name)})", attrs=list(attributes))
    if len(found) != 1:
        raise SystemExit(f"{len(found)} accounts are named {name}")
    return found[0]


def add(op):
    message = {"dn": f"{op['dn']},{base}"}
    message.update({name: values(item) for name, item in op["attributes"].items()})
    db.add(message)


def replace(dn, attributes):
    message = ldb.Message(dn)
    for name, item in attributes.items():
        message[name] = ldb.MessageElement(values(item), ldb.FLAG_MOD_REPLACE, name)
    db.modify(message)


def allow(op):
    aces = ""
    for name in op["from"]:
        sid = ndr_unpack(security.dom_sid, find(name)["objectSid"][0])
        aces += f"(A;;CR;;;{sid})"
    descriptor = security.descriptor.from_sddl("O:BAD:" + aces, security.dom_sid(db.get_domain_sid()))
    replace(find(op["name"]).dn, {"msDS-AllowedToActOnBehalfOfOtherIdentity": {"base64": base64.b64encode(ndr_pack(descriptor)).decode()}})


def dns(op):
    domain = base.replace("DC=", "").replace(",", ".").lower()
    dn = ldb.Dn(db, f"DC={op['host']},DC={domain},CN=MicrosoftDNS,DC=DomainDnsZones,{base}")
    record = dnsp.DnssrvRpcRecord()
    record.wType = dnsp.DNS_TYPE_A
    record.rank = dnsp.DNS_RANK_ZONE
    record.dwTtlSeconds = 900
    record.data = op["address"]
    try:
        replace(dn, {"dnsRecord": {"base64": base64.b64encode(ndr_pack(record)).decode()}})
    except ldb.LdbError as error:
        if error.args[0] != ldb.ERR_NO_SUCH_OBJECT:
            raise
        db.add({"dn": dn, "objectClass": "dnsNode", "dnsRecord": ndr_pack(record)})


actions = {
    "add": add,
    "modify": lambda op: replace(find(op["name"]).dn, op["attributes"]),
    "member": lambda op: db.add_remove_group_members(op["group"], [op["name"]]),
    "allow": allow,
    "dns": dns,
    "keytab": lambda op: net.export_keytab(keytab=op["file"], principal=op["principal"]),
}
for operation in json.load(sys.stdin):
    actions[operation["op"]](operation)
