"""Runs an Impacket example with Kerberos against a controller without SMB: with -k the examples ask port 445 for the
controller's name before they speak LDAP. Arguments: what to call the controller, the script, its arguments."""

import os
import runpy
import sys

import impacket.smbconnection

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../../ldap/test/support"))
__import__("patient_impacket")


class NamedController:
    def __init__(self, *_args, **_options):
        pass

    def login(self, *_args):
        pass

    def getServerName(self):
        return name

    def getServerDNSDomainName(self):
        return domain

    def logoff(self):
        pass


name, domain = sys.argv[1], ""
if not name[0].isdigit():
    name, _, domain = name.partition(".")
impacket.smbconnection.SMBConnection = NamedController
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
