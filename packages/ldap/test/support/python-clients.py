"""Python's LDAP libraries as clients. Arguments: case, host, port, CA file, password file. Prints what it read."""

import ssl
import sys

case, host, port, ca_file, password_file = sys.argv[1:6]
password = open(password_file).read()
base = "DC=lab,DC=test"


def with_ldap3(start_tls):
    import ldap3

    tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=ca_file)
    server = ldap3.Server(host, port=int(port), use_ssl=not start_tls, tls=tls, get_info=ldap3.DSA)
    connection = ldap3.Connection(server, "alice@lab.test", password, raise_exceptions=True)
    connection.open()
    if start_tls:
        connection.start_tls()
    connection.bind()
    print("whoami", connection.extend.standard.who_am_i())
    print("contexts", server.info.naming_contexts[0])
    found = connection.extend.standard.paged_search(
        base, "(objectClass=user)", attributes=["cn"], paged_size=30, generator=True
    )
    print("entries", sum(1 for entry in found if entry["type"] == "searchResEntry"))
    dn = f"CN=from-ldap3,{base}"
    connection.add(dn, "user", {"cn": "from-ldap3", "description": "a"})
    connection.modify(dn, {"description": [(ldap3.MODIFY_REPLACE, ["b"])]})
    print("compare", connection.compare(dn, "description", "b"))
    connection.delete(dn, controls=[("1.2.840.113556.1.4.805", True, None)])
    try:
        connection.delete(dn)
    except ldap3.core.exceptions.LDAPNoSuchObjectResult as error:
        print("gone", error.description)
    connection.unbind()


def with_impacket():
    import patient_impacket  # noqa: F401
    from impacket.ldap import ldap, ldapasn1


    # Tickets come from the cache in KRB5CCNAME; the port is fixed in the library.
    try:
        plain = ldap.LDAPConnection(f"ldap://{host}", base)
        plain.kerberosLogin("alice", "", "LAB.TEST")
    except ldap.LDAPSessionError as error:
        print("plain", error.getErrorString())
    connection = ldap.LDAPConnection(f"ldaps://{host}", base)
    connection.kerberosLogin("alice", "", "LAB.TEST")
    paged = ldapasn1.SimplePagedResultsControl(size=30)
    found = connection.search(searchFilter="(objectClass=user)", attributes=["cn"], searchControls=[paged])
    print("entries", sum(1 for entry in found if isinstance(entry, ldapasn1.SearchResultEntry)))


{"ldap3": lambda: with_ldap3(False), "ldap3-starttls": lambda: with_ldap3(True), "impacket": with_impacket}[case]()
