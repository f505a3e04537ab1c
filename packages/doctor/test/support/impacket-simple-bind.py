"""Runs an Impacket example against Samba, whose LDAP takes neither Impacket's NTLM form nor its Kerberos requests: the
example binds with name and password over TLS instead. Arguments: the script, its arguments."""

import os
import runpy
import sys

from impacket.ldap import ldap

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../../ldap/test/support"))
__import__("patient_impacket")


class OverTls(ldap.LDAPConnection):
    def __init__(self, url, baseDN="", dstIp=None):
        super().__init__(url.replace("ldap://", "ldaps://"), baseDN, dstIp)

    def login(self, user="", password="", domain="", lmhash="", nthash="", authenticationChoice="simple"):
        return super().login(f"{user}@{domain}", password, "", "", "", "simple")


ldap.LDAPConnection = OverTls
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
