"""The other side of a security context: MIT's libgssapi_krb5, driven by one JSON object a line. Byte strings are hexadecimal."""
import ctypes
import json
import sys
import time

import gssapi
from gssapi import raw

MECHANISMS = {
    "krb5": gssapi.OID.from_int_seq("1.2.840.113554.1.2.2"),
    "spnego": gssapi.OID.from_int_seq("1.3.6.1.5.5.2"),
}
lib = ctypes.CDLL("libgssapi_krb5.so.2")


class Buffer(ctypes.Structure):
    _fields_ = [("length", ctypes.c_size_t), ("value", ctypes.c_void_p)]


def bindings(request):
    data = request.get("bindings")
    return None if data is None else raw.ChannelBindings(application_data=bytes.fromhex(data))


def iov(header, data, encrypted, padding=b""):
    kinds = gssapi.raw.IOVBufferType
    if encrypted:
        parts = [(kinds.header, False, header), (kinds.data, False, data)]
        if padding:
            parts.append((kinds.padding, False, padding))
        return raw.IOV(*parts, std_layout=False)
    return raw.IOV(kinds.header, (kinds.data, False, data), kinds.padding, std_layout=False)


class Peer:
    def initiate(self, request):
        name = gssapi.Name(request["target"], gssapi.NameType.kerberos_principal)
        self.context = gssapi.SecurityContext(
            usage="initiate",
            name=name,
            mech=MECHANISMS[request["mechanism"]],
            flags=request["flags"],
            channel_bindings=bindings(request),
        )
        return {}

    def accept(self, request):
        creds = gssapi.Credentials(usage="accept", store={"keytab": request["keytab"]})
        self.context = gssapi.SecurityContext(usage="accept", creds=creds, channel_bindings=bindings(request))
        return {}

    def step(self, request):
        token = request.get("token")
        out = self.context.step(None if token is None else bytes.fromhex(token))
        return {"token": None if not out else out.hex(), "done": self.context.complete}

    def state(self, _):
        delegated = self.context.delegated_creds
        return {
            "initiator": str(self.context.initiator_name),
            "flags": int(self.context.actual_flags),
            "delegated": None if delegated is None else str(delegated.name),
        }

    def wrap(self, request):
        result = self.context.wrap(bytes.fromhex(request["data"]), request["confidential"])
        return {"token": result.message.hex(), "confidential": result.encrypted}

    def unwrap(self, request):
        result = self.context.unwrap(bytes.fromhex(request["token"]))
        return {"data": result.message.hex(), "confidential": result.encrypted}

    def wrap_iov(self, request):
        buffers = iov(b"", bytes.fromhex(request["data"]), False)
        raw.wrap_iov(self.context, buffers, confidential=request["confidential"])
        padding = buffers[2].value or b""
        return {"header": buffers[0].value.hex(), "payload": buffers[1].value.hex(), "padding": padding.hex()}

    def unwrap_iov(self, request):
        padding = bytes.fromhex(request["padding"])
        buffers = iov(bytes.fromhex(request["header"]), bytes.fromhex(request["payload"]), True, padding)
        result = raw.unwrap_iov(self.context, buffers)
        return {"data": buffers[1].value.hex(), "confidential": result.encrypted}

    def mic(self, request):
        return {"mic": self.context.get_signature(bytes.fromhex(request["data"])).hex()}

    def verify(self, request):
        self.context.verify_signature(bytes.fromhex(request["data"]), bytes.fromhex(request["mic"]))
        return {}

    def time_wrap(self, request):
        """For the bench: microseconds of one wrap."""
        data, rounds, confidential = bytes(request["size"]), request["rounds"], request["confidential"]
        start = time.perf_counter()
        for _ in range(rounds):
            self.context.wrap(data, confidential)
        return {"wrap": (time.perf_counter() - start) / rounds * 1e6}

    def time_unwrap(self, request):
        tokens = [bytes.fromhex(token) for token in request["tokens"]]
        start = time.perf_counter()
        for token in tokens:
            self.context.unwrap(token)
        return {"unwrap": (time.perf_counter() - start) / len(tokens) * 1e6}

    def prf(self, request):
        """python-gssapi has no gss_pseudo_random, so the context moves over to the library by export and import."""
        exported = self.context.export()
        self.context = gssapi.SecurityContext(token=exported)
        minor, handle = ctypes.c_uint32(), ctypes.c_void_p()
        into = ctypes.create_string_buffer(exported, len(exported))
        token = Buffer(len(exported), ctypes.cast(into, ctypes.c_void_p))
        major = lib.gss_import_sec_context(ctypes.byref(minor), ctypes.byref(token), ctypes.byref(handle))
        if major != 0:
            raise RuntimeError(f"gss_import_sec_context: {major:x} {minor.value}")
        data = bytes.fromhex(request["data"])
        area = ctypes.create_string_buffer(data, len(data))
        given, out = Buffer(len(data), ctypes.cast(area, ctypes.c_void_p)), Buffer()
        major = lib.gss_pseudo_random(
            ctypes.byref(minor),
            handle,
            ctypes.c_int(1 if request["partial"] else 0),
            ctypes.byref(given),
            ctypes.c_ssize_t(request["length"]),
            ctypes.byref(out),
        )
        if major != 0:
            raise RuntimeError(f"gss_pseudo_random: {major:x} {minor.value}")
        return {"data": ctypes.string_at(out.value, out.length).hex()}


peer = Peer()
for line in sys.stdin:
    asked = json.loads(line)
    try:
        answer = getattr(peer, asked["operation"])(asked)
    except Exception as error:  # told to the test, which decides
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
