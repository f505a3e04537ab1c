"""Impacket's LDAP client, but one that waits for the end of an answer: as packaged it takes what comes at once for the
whole of it, and asks again when an answer came in two segments, as it may from any server on a busy machine."""

from impacket.ldap import ldap

send_receive = ldap.LDAPConnection.sendReceive


def patient(self, request, controls=None):
    response = send_receive(self, request, controls)
    while response and response[-1]["protocolOp"].getName() in ("searchResEntry", "searchResRef"):
        response += self.recv()
    return response


ldap.LDAPConnection.sendReceive = patient
