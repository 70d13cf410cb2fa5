"""Password hashing, at most two at once: each takes 100 MB and a core for a moment, and strangers may ask for it."""

import threading

from django.contrib.auth.hashers import Argon2PasswordHasher

AT_ONCE = 2
_room = threading.BoundedSemaphore(AT_ONCE)


class BoundedArgon2(Argon2PasswordHasher):
    """Django's Argon2; whoever comes while two hashes are made waits."""

    def encode(self, password: str, salt: str) -> str:
        """The stored form of a password."""
        with _room:
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        """Whether a password is the stored one."""
        with _room:
            return super().verify(password, encoded)
