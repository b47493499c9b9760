"""A filter of system calls (seccomp) for a process that runs generated code.

Belongs here: which calls are refused, and the filter program. Does not belong here: when it is installed
(``resources.sandbox_worker``).

Numbers are those of Linux's own headers: ``asm/unistd_64.h`` for x86-64, ``asm-generic/unistd.h`` for
aarch64 (None: that machine has no such call); the program's form is that of ``linux/filter.h`` and
``linux/seccomp.h``. A refused call fails with EPERM. Threads of the same process stay possible, reading
files too; opening one for writing does not.
"""

from __future__ import annotations

import ctypes
import platform
import struct
import sys

_DENIED: dict[str, tuple[int | None, int | None]] = {
    # network and shared queues
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    # other processes, and signals to them
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "ptrace": (101, 117),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "setsid": (112, 157),
    "setpgid": (109, 154),
    # the kernel and its name spaces
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "reboot": (169, 142),
    "open_by_handle_at": (304, 265),
    "memfd_create": (319, 279),
    "setrlimit": (160, 164),
    "seccomp": (317, 277),
    # changing files
    "creat": (85, None),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "truncate": (76, 45),
    "ftruncate": (77, 46),
    "fallocate": (285, 47),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
}

#: Answered with ENOSYS, so that the C library falls back to the older call, whose flags can be seen.
_ABSENT = ("clone3", "openat2")
_SEEN = {
    "clone": (56, 220), "clone3": (435, 435), "open": (2, None), "openat": (257, 56), "openat2": (437, 437),
    "prlimit64": (302, 261),
}  # fmt: skip
_MACHINES = {"x86_64": (0, 0xC000003E, 317), "aarch64": (1, 0xC00000B7, 277)}

_CLONE_THREAD = 0x00010000
#: O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND; the same on both machines.
_WRITING = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000
_EPERM, _ENOSYS = 1, 38
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_PR_SET_NO_NEW_PRIVS = 38


def available() -> bool:
    """Whether the filter knows this machine."""
    return sys.platform == "linux" and platform.machine() in _MACHINES and sys.maxsize > 2**32


def program(machine: str) -> bytes:
    """The filter as the kernel reads it: instructions of eight bytes."""
    column, arch, _ = _MACHINES[machine]
    refuse, absent, allow = _ERRNO | _EPERM, _ERRNO | _ENOSYS, _ALLOW
    code: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, arch),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
    ]
    if machine == "x86_64":  # the 32-bit-pointer calls have numbers of their own
        code += [(_AT_LEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, absent)]

    def number(name: str) -> int | None:
        return _SEEN[name][column]

    def by_argument(name: str, argument: int, mask: int, *, when_set: int, when_clear: int) -> None:
        if (call := number(name)) is None:
            return
        code.extend(
            [
                (_EQUAL, 0, 4, call),
                (_LOAD, 0, 0, 16 + 8 * argument),
                (_ANY_BIT, 0, 1, mask),
                (_RETURN, 0, 0, when_set),
                (_RETURN, 0, 0, when_clear),
            ]
        )

    for name in _ABSENT:
        if (call := number(name)) is not None:
            code += [(_EQUAL, 0, 1, call), (_RETURN, 0, 0, absent)]
    for pair in _DENIED.values():
        if (denied := pair[column]) is not None:
            code += [(_EQUAL, 0, 1, denied), (_RETURN, 0, 0, refuse)]
    by_argument("clone", 0, _CLONE_THREAD, when_set=allow, when_clear=refuse)
    by_argument("open", 1, _WRITING, when_set=refuse, when_clear=allow)
    by_argument("openat", 2, _WRITING, when_set=refuse, when_clear=allow)
    # Limits may be read (no new value: a null pointer, both halves) and never set.
    limits = number("prlimit64")
    assert limits is not None
    code += [
        (_EQUAL, 0, 6, limits),
        (_LOAD, 0, 0, 32),
        (_EQUAL, 0, 3, 0),
        (_LOAD, 0, 0, 36),
        (_EQUAL, 0, 1, 0),
        (_RETURN, 0, 0, allow),
        (_RETURN, 0, 0, refuse),
    ]
    code.append((_RETURN, 0, 0, allow))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in code)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]


def install() -> bool:
    """Put the filter over every thread of this process, for good; False where it cannot be.

    It needs no privilege: the process gives up gaining any.
    """
    if not available():
        return False
    machine = platform.machine()
    text = program(machine)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    instructions = _Program(len(text) // 8, text)
    # SECCOMP_SET_MODE_FILTER with SECCOMP_FILTER_FLAG_TSYNC: threads that libraries started are covered too.
    return bool(libc.syscall(_MACHINES[machine][2], 1, 1, ctypes.byref(instructions)) == 0)
