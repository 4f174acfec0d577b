"""The client's end of geerpc's sealed channel, for tests: Noise written once more, from its specification, over the
primitives of libsodium and Python's BLAKE2b. A test can take every step by hand, and so take a wrong step."""
import base64
import ctypes
import ctypes.util
import hashlib
import hmac
import os
import struct

from wire import OPTION_JSON, JsonPeer, connect

SODIUM = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
assert SODIUM.sodium_init() >= 0
TAG = 16
REKEY = 1024
MOST = 65535 - TAG
XK, NK = 1, 2


def public_of(secret):
    public = ctypes.create_string_buffer(32)
    assert SODIUM.crypto_scalarmult_base(public, secret) == 0
    return public.raw


def shared(secret, public):
    result = ctypes.create_string_buffer(32)
    if SODIUM.crypto_scalarmult(result, secret, public) != 0:
        raise ValueError("a point of low order")
    return result.raw


def secret_in(path):
    """The bytes of a key file."""
    text = path.read_text().strip()
    assert text.startswith("gee-sec:")
    return base64.b64decode(text[8:])


def public_in(text):
    assert text.startswith("gee-pub:")
    return base64.b64decode(text[8:])


class Cipher:
    def __init__(self, key):
        self.key, self.nonce = key, 0

    def _nonce(self):
        return b"\0\0\0\0" + struct.pack("<Q", self.nonce)

    def seal(self, plain, bound=b""):
        target = ctypes.create_string_buffer(len(plain) + TAG)
        SODIUM.crypto_aead_chacha20poly1305_ietf_encrypt(
            target, None, plain, ctypes.c_ulonglong(len(plain)), bound, ctypes.c_ulonglong(len(bound)), None,
            self._nonce(), self.key)
        self.nonce += 1
        return target.raw

    def open(self, sealed, bound=b""):
        target = ctypes.create_string_buffer(max(len(sealed) - TAG, 1))
        result = SODIUM.crypto_aead_chacha20poly1305_ietf_decrypt(
            target, None, None, sealed, ctypes.c_ulonglong(len(sealed)), bound, ctypes.c_ulonglong(len(bound)),
            self._nonce(), self.key)
        assert result == 0, "not genuine"
        self.nonce += 1
        return target.raw[: len(sealed) - TAG]

    def rekey(self):
        at, self.nonce = self.nonce, (1 << 64) - 1
        self.key = self.seal(bytes(32))[:32]
        self.nonce = at


def derive(chaining_key, secret):
    key = hmac.digest(chaining_key, secret, "blake2b")
    first = hmac.digest(key, b"\1", "blake2b")
    return first, hmac.digest(key, first + b"\2", "blake2b")


class Handshake:
    """An initiator: XK with a secret key of its own, NK without a key."""

    def __init__(self, server, secret=None, prefix=b"geerpc-seal-v1", preamble=None):
        self.pattern = XK if secret else NK
        self.preamble = preamble or b"\xc1GEE\1" + bytes([self.pattern]) + b"\0\0"
        self.server, self.secret = server, secret
        name = b"Noise_%s_25519_ChaChaPoly_BLAKE2b" % (b"XK" if secret else b"NK")
        self.hash = self.chain = name.ljust(64, b"\0")
        self.cipher = None
        self._mix_hash(prefix + self.preamble)
        self._mix_hash(server)
        self.ephemeral = os.urandom(32)
        self.server_ephemeral = None

    def _mix_hash(self, data):
        self.hash = hashlib.blake2b(self.hash + data).digest()

    def _mix_key(self, secret):
        self.chain, key = derive(self.chain, secret)
        self.cipher = Cipher(key[:32])

    def _seal(self, plain):
        sealed = self.cipher.seal(plain, self.hash)
        self._mix_hash(sealed)
        return sealed

    def message1(self, ephemeral=None):
        public = ephemeral or public_of(self.ephemeral)
        self._mix_hash(public)
        self._mix_key(shared(self.ephemeral, self.server))
        return public + self._seal(b"")

    def message2(self, message):
        self.server_ephemeral = message[:32]
        self._mix_hash(self.server_ephemeral)
        self._mix_key(shared(self.ephemeral, self.server_ephemeral))
        assert self.cipher.open(message[32:], self.hash) == b""
        self._mix_hash(message[32:])

    def message3(self):
        sealed = self._seal(public_of(self.secret))
        self._mix_key(shared(self.secret, self.server_ephemeral))
        return sealed + self._seal(b"")

    def split(self):
        sending, receiving = derive(self.chain, b"")
        return Cipher(sending[:32]), Cipher(receiving[:32])


def frame(data):
    return struct.pack(">H", len(data)) + data


class Sealed:
    """A socket once the handshake is over. address: a text, or a connected socket. cut: only so many bytes of the
    handshake are sent before finish()."""

    def __init__(self, address, server, secret=None, timeout=20, cut=None):
        self.sock = connect(address, timeout) if isinstance(address, str) else address
        self.records = self.taken = 0
        self.unread = b""
        self.ended = False
        self.handshake = Handshake(server, secret)
        self.unsent = self.handshake.preamble + frame(self.handshake.message1())
        if cut is None:
            self.finish()
        else:
            self.sock.sendall(self.unsent[:cut])
            self.unsent = self.unsent[cut:]

    def finish(self):
        self.sock.sendall(self.unsent)
        self.handshake.message2(self._frame())
        if self.handshake.secret:
            self.sock.sendall(frame(self.handshake.message3()))
        self.sending, self.receiving = self.handshake.split()

    def _take(self, count):
        data = b""
        while len(data) < count:
            more = self.sock.recv(count - len(data))
            if not more:
                raise EOFError("the server closed the connection")
            data += more
        return data

    def _frame(self):
        return self._take(struct.unpack(">H", self._take(2))[0])

    def record(self, plain):
        """The bytes of the next record, not sent yet."""
        sealed = frame(self.sending.seal(plain))
        if self.sending.nonce % REKEY == 0:
            self.sending.rekey()
        return sealed

    def sendall(self, data):
        for at in range(0, len(data), MOST):
            self.sock.sendall(self.record(data[at:at + MOST]))

    def recv(self, _most=None):
        while not self.unread and not self.ended:
            self.unread = self.receiving.open(self._frame())
            self.ended = not self.unread
            if self.receiving.nonce % REKEY == 0:
                self.receiving.rekey()
        data, self.unread = self.unread, b""
        return data

    def end(self):
        self.sock.sendall(self.record(b""))

    def close(self):
        self.sock.close()


class SealedPeer(JsonPeer):
    """A conversation in JSON through a sealed channel."""

    def __init__(self, address, server, secret=None, option=None, timeout=20):  # pylint: disable=super-init-not-called
        self.sock = Sealed(address, server, secret, timeout)
        self.sock.sendall(option or OPTION_JSON)
        self.text = ""
